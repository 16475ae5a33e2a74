"""Classes of sites, by element or by the sign of their charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.elements import SYMBOLS
from aiida_limap.engines.errors import InputError

__all__ = ['ROLES', 'ClassSpec']

#: What a class may ask of the formal charge of its sites.
ROLES = ('anion', 'cation')


@dataclass(frozen=True)
class ClassSpec:
    """Classes of sites, and the class of every site that belongs to none of them.

    A list, since its order is that of the columns, and the order of a mapping may be lost in a database. A site goes to
    the first class that takes it.

    :param named: for each class ``name`` and either ``elements`` (symbols) or ``role`` (one of :data:`ROLES`: all sites
        with a formal charge of that sign).
    :param rest: name of the class of all other sites.
    :raises InputError: if an entry is wrong.
    """

    named: Sequence[Mapping[str, Any]]
    rest: str

    def __post_init__(self) -> None:
        if not _is_list(self.named) or not isinstance(self.rest, str):
            raise InputError("layout: classes: 'named' must be a list of classes, and 'rest' the name of one more")
        for entry in self.named:
            if not isinstance(entry, Mapping) or set(entry) not in ({'name', 'elements'}, {'name', 'role'}):
                raise InputError(f"layout: classes: {entry!r}: expected a name and either 'elements' or 'role'")
            elements = entry.get('elements', ())
            if not _is_list(elements) or not all(isinstance(symbol, str) for symbol in elements):
                raise InputError(f'layout: classes: elements are a list of symbols, not {elements!r}')
            if entry.get('role', ROLES[0]) not in ROLES:
                raise InputError(f'layout: classes: a role is one of {", ".join(ROLES)}, not {entry["role"]!r}')
        symbols = [symbol for entry in self.named for symbol in entry.get('elements', ())]
        unknown = sorted(set(symbols) - set(SYMBOLS))
        if unknown:
            raise InputError(f'layout: {unknown[0]!r} in the classes is no element')
        if len(set(symbols)) != len(symbols) or len(set(self.names)) != len(self.names):
            raise InputError('layout: an element or a class name stands twice in the classes')

    @property
    def names(self) -> tuple[str, ...]:
        """All class names, the rest last."""
        return (*(str(entry['name']) for entry in self.named), self.rest)

    @property
    def need_charges(self) -> bool:
        """Whether a class asks for the charge of the sites."""
        return any('role' in entry for entry in self.named)

    def index(self, name: str, what: str) -> int:
        """Return the number of a class.

        :param name: its name.
        :param what: who asks, for the message.
        :raises InputError: if there is no such class.
        """
        if name not in self.names:
            raise InputError(f'layout: {what} names the unknown class {name!r}; known are {", ".join(self.names)}')
        return self.names.index(name)

    def assign(self, symbols: Sequence[str], is_anion: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Return the class of each site.

        :param symbols: element of each site.
        :param is_anion: (n,) whether the formal charge is negative; needed by classes with a role.
        :returns: (n,) indices into :attr:`names`.
        """
        found = np.full(len(symbols), len(self.named), dtype=np.int64)
        # Backwards, so that the first class that takes a site wins.
        for index in range(len(self.named) - 1, -1, -1):
            entry = self.named[index]
            if 'elements' in entry:
                takes = np.isin(symbols, list(entry['elements']))
            else:
                assert is_anion is not None
                takes = is_anion == (entry['role'] == 'anion')
            found[takes] = index
        return found


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
