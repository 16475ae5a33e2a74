"""What to take from the Materials Project: checked before anything is asked, told in words, kept in the dataset."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_limap.importers._entries import ImporterError

__all__ = ['MaterialsProjectFilter', 'read_ids']

#: A filter is an attribute of the dataset, on which queries run; longer lists of ids stand in its file only.
_SHOWN_IDS = 100


@dataclass(frozen=True)
class MaterialsProjectFilter:
    """What to take from the Materials Project; what is named must hold together.

    :param elements: symbols that must all be in a structure; others may be too.
    :param exclude_elements: symbols that must not be in it.
    :param chemsys: chemical systems such as ``Li-P-S``, any of them; ``*`` stands for one element.
    :param formula: formulas such as ``Li3PS4``, any of them.
    :param max_hull_eV_per_atom: largest energy above the convex hull.
    :param max_sites: largest number of sites of the primitive cell.
    :param observed: only crystals that were observed in experiment (``theoretical: false``).
    :param gnome: with the entries of GNoME, whose licence forbids commercial use.
    :param ids: only these entries.
    :param limit: take only this many, the first by id.
    :raises ImporterError: if nothing is named, or something named cannot be.
    """

    elements: tuple[str, ...] = ()
    exclude_elements: tuple[str, ...] = ()
    chemsys: tuple[str, ...] = ()
    formula: tuple[str, ...] = ()
    max_hull_eV_per_atom: float | None = None  # noqa: N815
    max_sites: int | None = None
    observed: bool = False
    gnome: bool = True
    ids: tuple[str, ...] = ()
    limit: int | None = None

    def __post_init__(self) -> None:
        if not self.ids and not self.narrows:
            raise ImporterError(
                'nothing was said of what to take, and that would be the whole Materials Project: name elements, a '
                'chemical system, formulas, ids, the largest energy above the hull or the largest number of sites'
            )
        _check_symbols([*self.elements, *self.exclude_elements])
        both = sorted(set(self.elements) & set(self.exclude_elements))
        if both:
            raise ImporterError(f'{", ".join(both)} cannot be both wanted and excluded')
        for system in self.chemsys:
            _check_symbols([symbol for symbol in system.split('-') if symbol != '*'], f' in the system {system!r}')
        for formula in self.formula:
            if not re.fullmatch(r'[A-Za-z0-9().*]*[A-Z*][A-Za-z0-9().*]*', formula):
                raise ImporterError(f'{formula!r} is no formula: write it like Li3PS4')
        if self.max_hull_eV_per_atom is not None and not 0 <= self.max_hull_eV_per_atom < float('inf'):
            raise ImporterError(f'an energy above the hull is at least 0 eV per atom, not {self.max_hull_eV_per_atom}')
        for number, meaning in ((self.max_sites, 'sites'), (self.limit, 'entries')):
            if number is not None and number < 1:
                raise ImporterError(f'at most {number} {meaning} would be none')

    @property
    def narrows(self) -> bool:
        """Whether it asks for more than certain ids."""
        named = (self.elements, self.exclude_elements, self.chemsys, self.formula, self.observed, not self.gnome)
        return any(named) or self.max_hull_eV_per_atom is not None or self.max_sites is not None

    def criteria(self) -> dict[str, Any]:
        """Return the arguments of ``MPRester.materials.summary.search``, but for the ids."""
        chosen: dict[str, Any] = {
            'elements': list(self.elements),
            'exclude_elements': list(self.exclude_elements),
            'chemsys': list(self.chemsys),
            'formula': list(self.formula),
        }
        criteria = {key: value for key, value in chosen.items() if value}
        if self.max_hull_eV_per_atom is not None:
            criteria['energy_above_hull'] = (0, self.max_hull_eV_per_atom)
        if self.max_sites is not None:
            criteria['num_sites'] = (1, self.max_sites)
        if self.observed:
            criteria['theoretical'] = False
        if not self.gnome:
            criteria['include_gnome'] = False
        return criteria

    def as_dict(self) -> dict[str, Any]:
        """Return what was chosen as plain values, for the filter of the dataset."""
        lists = ('elements', 'exclude_elements', 'chemsys', 'formula')
        chosen: dict[str, Any] = {key: list(getattr(self, key)) for key in lists if getattr(self, key)}
        for key in ('max_hull_eV_per_atom', 'max_sites', 'limit'):
            if getattr(self, key) is not None:
                chosen[key] = getattr(self, key)
        if self.observed:
            chosen['observed'] = True
        if not self.gnome:
            chosen['gnome'] = False
        if len(self.ids) > _SHOWN_IDS:
            chosen['n_ids'] = len(self.ids)
            chosen['ids_md5'] = hashlib.md5(','.join(self.ids).encode(), usedforsecurity=False).hexdigest()
        elif self.ids:
            chosen['ids'] = list(self.ids)
        return chosen

    def as_sentence(self) -> str:
        """Return what was chosen in words."""
        parts = []
        if self.ids:
            shown = ', '.join(self.ids[:5])
            parts.append(f'ids {shown}' + (f' and {len(self.ids) - 5} more' if len(self.ids) > 5 else ''))
        for words, values in (
            ('with', self.elements),
            ('without', self.exclude_elements),
            ('of the systems', self.chemsys),
            ('of the formulas', self.formula),
        ):
            if values:
                parts.append(f'{words} {", ".join(values)}')
        if self.max_hull_eV_per_atom is not None:
            parts.append(f'at most {self.max_hull_eV_per_atom:g} eV per atom above the hull')
        if self.max_sites is not None:
            parts.append(f'at most {self.max_sites} sites')
        if self.observed:
            parts.append('observed in experiment')
        if not self.gnome:
            parts.append('without GNoME')
        return '; '.join(parts)


def read_ids(text: str) -> tuple[str, ...]:
    """Return the ids that a user named.

    :param text: ids with commas between them, or the path of a file that holds ids with commas, blanks or line ends
        between them; what follows a ``#`` is left out.
    :returns: the ids, each once.
    :raises ImporterError: if a file is meant that is not there or holds no id, or cannot be read.
    """
    path = Path(text)
    if path.is_file():
        try:
            lines = path.read_text(encoding='utf-8').splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ImporterError(f'the ids in {text} cannot be read: {error}') from error
        ids = _split(' '.join(line.partition('#')[0] for line in lines))
        if not ids:
            raise ImporterError(f'the file {text} holds no id')
        return ids
    if '/' in text or path.suffix:
        raise ImporterError(f'there is no file {text} with ids')
    ids = _split(text)
    if not ids:
        raise ImporterError('no id was named: give ids such as mp-10499,mp-559776, or a file that holds them')
    return ids


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in re.split(r'[\s,;]+', text) if word))


def _check_symbols(symbols: Iterable[str], where: str = '') -> None:
    from pymatgen.core import Element

    for symbol in symbols:
        if not Element.is_valid_symbol(symbol):
            raise ImporterError(f'there is no element {symbol!r}{where}: give symbols such as Li,O')
