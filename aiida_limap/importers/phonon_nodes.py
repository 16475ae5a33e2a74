"""Import phonons that other plugins computed: nodes of aiida-phonopy and aiida-vibroscopy, linked to what is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_limap.common.phonon_sources import PHONON_SOURCE_CITATIONS
from aiida_limap.importers.base import ImporterError, Known, Refusal, check_name, store_dataset
from aiida_limap.importers.phonons import PhononReport

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['import_phonon_nodes', 'phonon_nodes']

#: Kept as a word: a name of the process that holds whether or not its entry point is installed.
_PROCESS = 'phonon_files_from_node'
_CITATIONS = (
    *PHONON_SOURCE_CITATIONS['aiida-phonopy'],
    'phonopy: A. Togo et al., J. Phys.: Condens. Matter 35, 353001 (2023), https://doi.org/10.1088/1361-648X/acd831',
)
#: Cell and positions of equal crystals differ by less, Å.
_SAME_ANGSTROM = 1e-4


@dataclass
class _Count:
    """What an import made.

    :param files: phonon files that were made now.
    :param structures: structures that were made with them.
    """

    files: int = 0
    structures: int = 0


def phonon_nodes(identifiers: Sequence[str], group: str | None = None) -> list[orm.Node]:
    """Return nodes of the profile.

    :param identifiers: pk, UUID or start of a UUID of nodes, or of work chains whose outputs are meant.
    :param group: label of a group whose nodes are meant too.
    :returns: the nodes, each once; of a process the nodes that it returned or created.
    :raises ImporterError: if there is no such node or group, or a process has given no phonons.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    named: list[orm.Node] = []
    for text in identifiers:
        try:
            named.append(orm.load_node(int(text) if text.isdecimal() else text))
        except (NotExistent, MultipleObjectsError, ValueError, OverflowError) as error:
            raise ImporterError(f'there is no node {text!r}, or several: {error}') from error
    if group is not None:
        try:
            named += list(orm.Group.collection.get(label=group).nodes)
        except (NotExistent, MultipleObjectsError) as error:
            raise ImporterError(f'there is no group {group!r}; `verdi group list -A` shows those there are') from error
    if not named:
        raise ImporterError('no node was named: give the pk of one, or a group that holds some')
    found = [inner for node in named for inner in _meant(node)]
    return list({node.uuid: node for node in found}.values())


def _meant(node: orm.Node) -> list[orm.Node]:
    """Return a node, or the nodes of phonons that a process has given."""
    from aiida import orm

    from aiida_limap.calculations._phonopy_nodes import is_phonopy_node

    if not isinstance(node, orm.ProcessNode):
        return [node]
    given = [link.node for link in node.base.links.get_outgoing(node_class=orm.Data).all()]
    found = [inner for inner in given if is_phonopy_node(inner)]
    if not found:
        raise ImporterError(f'process {node.pk} ({node.process_label}) has given no node that holds phonons')
    return found


def import_phonon_nodes(
    nodes: Sequence[orm.Node],
    *,
    name: str,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> PhononReport:
    """Make phonon files of nodes by ``limap.phonon_files_from_node``, each once, and a dataset of their structures.

    The structure of the phonons is the one that the node was computed from, where it is in the provenance and is the
    same crystal; otherwise the unit cell of the node becomes one.

    :param nodes: nodes of aiida-phonopy or aiida-vibroscopy; these need not be installed.
    :param name: name of the dataset.
    :param on_start: called with the number of nodes.
    :param on_progress: called with the number of nodes handled since the last call.
    :returns: the report; nodes without phonons to compute with are refused in it.
    :raises ImporterError: if not one node holds phonons.
    """
    check_name(name)
    if on_start is not None:
        on_start(len(nodes))
    count = _Count()
    report = store_dataset(
        _entries(nodes, count),
        name=name,
        chosen_by={'importer': 'phonon-nodes', 'nodes': [node.uuid for node in nodes]},
        on_progress=on_progress,
        citations=_CITATIONS,
    )
    tally = report.tally
    tally.n_new, tally.n_known = count.structures, len(report.dataset) - count.structures
    return PhononReport(report.dataset, report.group, tally, len(report.dataset), count.files)


def _entries(nodes: Sequence[orm.Node], count: _Count) -> Iterator[Known | Refusal]:
    from aiida_limap.calculations._phonopy_nodes import PhonopyNodeError

    for node in nodes:
        try:
            phonons = _made_before(node) or _make(node, count)
        except PhonopyNodeError as error:
            yield Refusal(f'node {node.pk}', str(error))
        else:
            yield Known(str(phonons.base.attributes.get('structure_uuid')), str(phonons.source['id']))


def _made_before(node: orm.Node) -> Any:
    """Return the phonon files that were made of a node, or None."""
    from aiida import orm

    query = orm.QueryBuilder()
    query.append(orm.Data, filters={'uuid': node.uuid}, tag='node')
    query.append(
        orm.CalcFunctionNode,
        with_incoming='node',
        filters={'attributes.process_label': _PROCESS, 'attributes.exit_status': 0},
        tag='process',
    )
    query.append(orm.SinglefileData, with_incoming='process', project='*', tag='phonons')
    query.order_by({'phonons': 'id'})
    found = query.first()
    return None if found is None else found[0]


def _make(node: orm.Node, count: _Count) -> Any:
    """Return phonon files of a node, made now."""
    from aiida.manage.caching import disable_caching

    from aiida_limap.calculations._phonopy_nodes import phonopy_of_node
    from aiida_limap.calculations.phonon_nodes import phonon_files_from_node

    # Before any process runs, so that a node without phonons leaves none that failed.
    phonopy = phonopy_of_node(node)  # type: ignore[arg-type]
    structure = _structure_of(node, phonopy.unitcell)
    # The files name their structure, which copies of a cached run would not have.
    with disable_caching():
        if structure is None:
            made = phonon_files_from_node(node=node)
        else:
            made = phonon_files_from_node(node=node, structure=structure)
    count.files += 1
    count.structures += structure is None
    return made['phonons']


def _structure_of(node: orm.Node, unitcell: Any) -> orm.StructureData | None:
    """Return the structure in the provenance of a node that is its unit cell, or None."""
    import numpy as np
    from aiida import orm

    query = orm.QueryBuilder()
    query.append(orm.Data, filters={'uuid': node.uuid}, tag='node')
    query.append(orm.StructureData, with_descendants='node', project='*', tag='structure')
    query.order_by({'structure': 'id'})
    for (structure,) in query.iterall():
        symbols = [structure.get_kind(site.kind_name).symbol for site in structure.sites]
        if symbols != [str(symbol) for symbol in unitcell.symbols] or not all(structure.pbc):
            continue
        if np.allclose(structure.cell, unitcell.cell, atol=_SAME_ANGSTROM) and np.allclose(
            [site.position for site in structure.sites], unitcell.positions, atol=_SAME_ANGSTROM
        ):
            return structure
    return None
