"""Structures of labelled rows: files of the publisher, files named in a table, crystals of the same compound."""

from __future__ import annotations

import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._label_rows import LabelledRow, LabelledSet, composition_key

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

__all__ = ['attach_cifs', 'match_structures', 'read_structure_file']

#: A crystal whose elements make up other shares of the atoms than the row says, by more than this, is remarked upon.
_SHARE = 0.005
#: Occupancies that add up to a little more than one are rounded in the source.
_OCCUPANCY_TOLERANCE = 1.05
_MAX_CIF_BYTES = 16 * 1024**2
_SYMPREC_ANGSTROM = 0.01


def read_structure_file(path: Path) -> Structure:
    """Read a structure file.

    :param path: CIF, POSCAR or what else pymatgen reads.
    :raises InputError: if it cannot be read.
    """
    from pymatgen.core import Structure

    if not path.is_file():
        raise InputError(f'there is no structure file {path}.')
    try:
        if path.suffix.lower() == '.cif':
            return _parse_cif(path.read_text(encoding='utf-8-sig', errors='replace'))
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return Structure.from_file(str(path))
    except InputError:
        raise
    except Exception as error:
        # The parsers of pymatgen raise nearly any type of error on a damaged file.
        raise InputError(f'{path} does not parse as a structure ({_first_line(error)}).') from error


def attach_cifs(rows: Sequence[LabelledRow], place: Path, close_matches: Mapping[str, str]) -> list[LabelledRow]:
    """Give rows the crystals that their publisher has put into files named after their ids.

    :param rows: the rows; what follows the colon of an id is the name of a file.
    :param place: folder, zip or tar archive of CIFs.
    :param close_matches: ids for which the publisher says that the crystal is that of a similar compound, with the
        citation of it, which may be empty.
    :returns: the rows; those without a file, or with one that cannot be read, have none and say so.
    :raises InputError: if the place cannot be read, or holds no file of any row.
    """
    wanted = {row.id.partition(':')[2] for row in rows}
    texts = {name: text for name, text in _cif_texts(place) if name in wanted}
    if not texts:
        raise InputError(f'{place} holds no CIF that is named after a row of the table.')
    done = []
    for row in rows:
        text = texts.get(row.id.partition(':')[2])
        if text is None:
            done.append(row)
            continue
        try:
            structure = _parse_cif(text)
            if 'Li' not in {element.symbol for element in structure.composition.elements}:
                raise InputError('it holds no lithium.')
        except InputError as error:
            done.append(replace(row, match_note=f'the CIF of the publisher cannot be used: {error}'))
            continue
        note = _remarks(row, structure, close_matches.get(row.id))
        done.append(replace(row, structure=structure, match='cif of the publisher', match_note=note))
    return done


def match_structures(
    labelled: LabelledSet,
    structures: Mapping[str, Structure],
    *,
    names: Mapping[str, str] | None = None,
    need_space_group: bool = False,
) -> LabelledSet:
    """Look for crystals of the rows that have none, among structures of one's own or of a database.

    A crystal fits where its composition is that of the row and, if the row names a space group, where its space group
    is the same. A row that names none is given a crystal by its formula alone, unless ``need_space_group`` forbids it;
    the note tells among how many it was chosen (the first one is taken: put the most stable ones in front).

    :param labelled: the set.
    :param structures: crystals by id, in the order in which they are preferred.
    :param names: what the note calls them, by id; the id by default.
    :param need_space_group: whether rows without a space group stay without a structure.
    :returns: the set, with ``match`` and ``match_note`` of each row that got a structure.
    """
    by_composition: dict[tuple[tuple[str, float], ...], list[str]] = {}
    for name, structure in structures.items():
        by_composition.setdefault(composition_key(structure.composition), []).append(name)
    groups: dict[str, int] = {}
    done = []
    for row in labelled:
        fitting = by_composition.get(composition_key(row.pymatgen_composition), [])
        if row.structure is not None or not fitting or (row.space_group is None and need_space_group):
            done.append(row)
            continue
        match = 'formula'
        if row.space_group is not None:
            match = 'formula and space group'
            for key in fitting:
                groups.setdefault(key, _space_group_of(structures[key]))
            fitting = [key for key in fitting if groups[key] == row.space_group]
        if fitting:
            note = (names or {}).get(fitting[0], fitting[0])
            if len(fitting) > 1:
                note += f', the first of {len(fitting)} that fit'
            done.append(replace(row, structure=structures[fitting[0]], match=match, match_note=note))
        else:
            done.append(row)
    return replace(labelled, rows=tuple(done))


def _remarks(row: LabelledRow, structure: Structure, close_match: str | None) -> str:
    notes = []
    if close_match is not None:
        notes.append(f'the publisher calls it a close match{f" ({close_match})" if close_match else ""}')
    difference = _difference(row.pymatgen_composition, structure.composition)
    if difference > _SHARE:
        notes.append(f'the crystal is {structure.composition.reduced_formula}, not {row.formula}')
    if not structure.is_ordered:
        notes.append('disordered')
    return '; '.join(notes)


def _difference(one: Composition, other: Composition) -> float:
    """Return by how much the share of an element differs at most."""
    shares = [composition.element_composition.fractional_composition.get_el_amt_dict() for composition in (one, other)]
    return max(abs(shares[0].get(symbol, 0.0) - shares[1].get(symbol, 0.0)) for symbol in {*shares[0], *shares[1]})


def _space_group_of(structure: Structure) -> int:
    """Return the number of the space group, or 0 where spglib finds none."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    try:
        return int(SpacegroupAnalyzer(structure, symprec=_SYMPREC_ANGSTROM).get_space_group_number())
    except (TypeError, ValueError):
        return 0


def _parse_cif(text: str) -> Structure:
    """Return the first crystal of a CIF, in the conventional cell, disorder as it is given."""
    from pymatgen.io.cif import CifParser

    try:
        with warnings.catch_warnings():
            # What pymatgen mends in a CIF (rounded coordinates, labels) is no news for a batch.
            warnings.simplefilter('ignore')
            parser = CifParser.from_str(text, occupancy_tolerance=_OCCUPANCY_TOLERANCE)
            return parser.parse_structures(primitive=False, on_error='raise')[0]
    except Exception as error:
        # The parser of pymatgen raises nearly any type of error on a damaged file; the next row must go on.
        raise InputError(f'it does not parse as a structure ({_first_line(error)}).') from error


def _cif_texts(place: Path) -> Iterator[tuple[str, str]]:
    """Yield name (without the ending) and text of each CIF of a folder or an archive; nothing is unpacked to disk."""
    try:
        if place.is_dir():
            for file in sorted(place.rglob('*.cif')):
                yield file.stem, file.read_text(encoding='utf-8-sig', errors='replace')
        elif place.name.lower().endswith('.zip'):
            with zipfile.ZipFile(place) as archive:
                for info in archive.infolist():
                    if _is_cif(info.filename) and info.file_size <= _MAX_CIF_BYTES:
                        yield PurePosixPath(info.filename).stem, _decoded(archive.read(info))
        else:
            with tarfile.open(place) as archive_of_tar:
                for member in archive_of_tar:
                    stream = archive_of_tar.extractfile(member) if member.isreg() and _is_cif(member.name) else None
                    if stream is not None and member.size <= _MAX_CIF_BYTES:
                        with stream:
                            yield PurePosixPath(member.name).stem, _decoded(stream.read())
    except FileNotFoundError as error:
        raise InputError(f'There is no file or folder {place}.') from error
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError(
            f'{place} is no folder, zip or tar archive that can be read ({_first_line(error)}).'
        ) from error


def _is_cif(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() == '.cif' and not path.name.startswith('._')


def _decoded(data: bytes) -> str:
    return data.decode('utf-8-sig', errors='replace')


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
