"""An entry of an OPTIMADE database becomes a structure with its origin, or a refusal that says why not."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiida_limap.importers._entries import Candidate, Refusal, structure_md5
from aiida_limap.importers._optimade_databases import Database

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['candidate', 'fields_of', 'last_modified']

#: Without these there is no crystal.
_NEEDED = ('lattice_vectors', 'cartesian_site_positions', 'species', 'species_at_sites')
_FIELDS = (
    'immutable_id',
    'last_modified',
    'chemical_formula_reduced',
    'dimension_types',
    'nperiodic_dimensions',
    'nsites',
    *_NEEDED,
    'assemblies',
    'structure_features',
)
#: What a list of sites with occupancies cannot say; disorder is not among these.
_NOT_KEPT = {
    'assemblies': 'sites that are occupied together or not at all (assemblies), which a list of sites cannot hold',
    'site_attachments': 'atoms attached to its sites at positions that are not given (site_attachments)',
    'implicit_atoms': 'atoms without sites (implicit_atoms)',
    'unknown_positions': 'atoms at unknown positions (unknown_positions)',
}


def fields_of(database: Database) -> list[str]:
    """Return the fields of an entry that are asked for.

    :param database: where it is asked for.
    """
    return [*_FIELDS, *database.licence_fields]


def last_modified(entry: Mapping[str, Any]) -> str:
    """Return when an entry was changed last, empty where the database does not tell.

    :param entry: an entry as the server gave it.
    """
    return str((entry.get('attributes') or {}).get('last_modified') or '')


def candidate(entry: Mapping[str, Any], database: Database) -> Candidate | Refusal:
    """Return the structure of an entry with its origin, or why it has none.

    Sites that are shared or partly empty are kept; a site that is wholly empty is left out.

    :param entry: an entry as the server gave it.
    :param database: the database that it is from.
    """
    identifier = str(entry['id'])
    attributes = entry.get('attributes') or {}
    try:
        reason = _reason_against(attributes)
        if reason:
            return Refusal(identifier, reason)
        structure = _structure(identifier, attributes)
    except Exception as error:
        # The models and adapters of the client raise nearly any type of error on data that breaks the specification;
        # the next entry must go on.
        return Refusal(identifier, f'it does not make a crystal: {_detail(error)}')
    return Candidate(
        structure,
        _source(identifier, attributes, database, structure),
        f'{structure.composition.reduced_formula} {identifier}',
    )


def _reason_against(attributes: Mapping[str, Any]) -> str:
    missing = [field for field in _NEEDED if not attributes.get(field)]
    if missing:
        return f'the database does not give its {" and ".join(missing)}'
    features = {str(feature) for feature in attributes.get('structure_features') or []}
    if attributes.get('assemblies'):
        features.add('assemblies')
    for species in attributes['species']:
        if species.get('attached'):
            features.add('site_attachments')
        if 'X' in species.get('chemical_symbols', ()):
            return f'its species {species.get("name")} is of no known element (X)'
    for feature, what in _NOT_KEPT.items():
        if feature in features:
            return f'it has {what}'
    if any(value is None for position in attributes['cartesian_site_positions'] for value in position or [None]):
        return f'it has {_NOT_KEPT["unknown_positions"]}'
    n_names, n_positions = (len(attributes[field]) for field in ('species_at_sites', 'cartesian_site_positions'))
    if n_names != n_positions:
        return f'the database gives {n_names} species_at_sites and {n_positions} cartesian_site_positions'
    periodic = _periodic_directions(attributes)
    if periodic is None:
        return 'the database does not give its dimension_types, so it may be no crystal'
    if periodic != 3:
        return f'it is periodic in {periodic} directions; only crystals, periodic in three, can be put on a map'
    return ''


def _periodic_directions(attributes: Mapping[str, Any]) -> int | None:
    types = attributes.get('dimension_types')
    if types:
        return sum(1 for value in types if value)
    number = attributes.get('nperiodic_dimensions')
    return int(number) if number is not None else None


def _structure(identifier: str, attributes: Mapping[str, Any]) -> Structure:
    from optimade.adapters import Structure as Adapter

    empty = {
        species['name'] for species in attributes['species'] if set(species.get('chemical_symbols', ())) == {'vacancy'}
    }
    sites = zip(attributes['species_at_sites'], attributes['cartesian_site_positions'], strict=True)
    occupied = [(name, position) for name, position in sites if name not in empty]
    species = [entry for entry in attributes['species'] if entry['name'] not in empty]
    # Only what makes the crystal goes through the models of the client: they would refuse a good structure for a
    # formula in another order, or for disorder that is there but not declared.
    plain = {
        'last_modified': None,
        'lattice_vectors': attributes['lattice_vectors'],
        'dimension_types': [1, 1, 1],
        'nperiodic_dimensions': 3,
        'nsites': len(occupied),
        'species': species,
        'species_at_sites': [name for name, _position in occupied],
        'cartesian_site_positions': [position for _name, position in occupied],
        'structure_features': ['disorder'] if any(len(kind['chemical_symbols']) > 1 for kind in species) else [],
    }
    with warnings.catch_warnings():
        # The models warn of each field that should be there; those that must be are checked above.
        warnings.simplefilter('ignore')
        return Adapter({'id': identifier, 'type': 'structures', 'attributes': plain}).as_pymatgen


def _detail(error: Exception) -> str:
    """Return the first complaint of an error, without the data that pydantic repeats."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = '.'.join(str(part) for part in first['loc'] if part != 'attributes')
        return f'{place}: {first["msg"]}' if place else str(first['msg'])
    if isinstance(error, KeyError):
        return f'{error.args[0]} is missing'
    return ' '.join(str(error).split())[:200] or type(error).__name__


def _source(identifier: str, attributes: Mapping[str, Any], database: Database, structure: Structure) -> dict[str, Any]:
    own_licences = [str(attributes[field]) for field in database.licence_fields if attributes.get(field)]
    extras = {
        'provider': database.provider,
        'api_version': database.api_version,
        'immutable_id': attributes.get('immutable_id'),
        'chemical_formula_reduced': attributes.get('chemical_formula_reduced'),
    }
    source = {
        'db_name': database.name,
        'db_uri': database.base_url,
        'id': identifier,
        'uri': f'{database.base_url}/v1/structures/{quote(identifier, safe="")}',
        'version': last_modified({'attributes': attributes}) or f'OPTIMADE {database.api_version}',
        'license': own_licences[0] if own_licences else database.licence,
        'source_md5': structure_md5(structure),
        'extras': {key: value for key, value in extras.items() if value},
    }
    return {key: value for key, value in source.items() if value}
