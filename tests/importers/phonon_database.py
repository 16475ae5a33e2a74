"""A database of the phonons of a few salts: the interface of the Materials Project, and the store of its densities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from importers.file_store_server import FileStore, serve
from importers.materials_project_server import KEY, Entry, MaterialsProjectServer, Phonons
from pymatgen.core import Lattice, Structure

from aiida_limap.importers.materials_project import MaterialsProjectFilter, Patience
from aiida_limap.importers.materials_project_phonons import import_materials_project_phonons
from aiida_limap.importers.phonons import PhononReport

__all__ = ['GRID', 'PATIENCE', 'Database', 'density', 'phonon_database', 'salt']

PATIENCE = Patience(attempts=3, first_wait_s=0.01, longest_wait_s=0.05)
LITHIUM = MaterialsProjectFilter(elements=('Li',))
GRID = np.arange(-1.0, 20.0, 0.1)


def salt(symbol: str, length: float) -> Structure:
    return Structure(Lattice.cubic(length), ['Li', symbol], [[0, 0, 0], [0.5] * 3])


def density(lithium: float, projected: bool = True) -> dict[str, Any]:
    rows = [3 * np.exp(-0.5 * ((GRID - centre) / 0.5) ** 2) / (0.5 * np.sqrt(2 * np.pi)) for centre in (lithium, 5.0)]
    return {
        'frequencies': GRID.tolist(),
        'densities': np.sum(rows, axis=0).tolist(),
        'projected_densities': [row.tolist() for row in rows] if projected else None,
    }


class Database:
    """Both servers, and the computations by formula."""

    def __init__(self, interface: MaterialsProjectServer, store: FileStore, ids: dict[str, str]) -> None:
        self.interface, self.store, self.ids = interface, store, ids

    def take(self, chosen: Any = LITHIUM, name: str | None = None, **options: Any) -> PhononReport:
        return import_materials_project_phonons(
            chosen, name=name or f'phonons {uuid4().hex}', patience=PATIENCE, **options
        )


@contextmanager
def phonon_database(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Database]:
    """Two salts with phonons, one of which is larger in the summaries; one with a total density; one without any."""
    fluoride, chloride, bromide = (salt(symbol, length) for symbol, length in (('F', 4.0), ('Cl', 5.0), ('Br', 5.5)))
    computed = [
        Phonons('mp-200001', fluoride, density(12.0)),
        Phonons('mp-200002', chloride, density(9.0), method='pheasy'),
        Phonons('mp-200003', bromide, density(8.0, projected=False)),
    ]
    by_method = [{'dfpt': ['mp-200001']}, {'pheasy': ['mp-200002']}, {'dfpt': ['mp-200003']}]
    ids = {'LiF': 'mp-300001', 'LiCl': 'mp-300002', 'LiBr': 'mp-300003', 'LiI': 'mp-300004'}
    entries = [
        Entry(ids['LiF'], salt('F', 4.05), phonon_ids=by_method[0]),
        Entry(ids['LiCl'], chloride, phonon_ids=by_method[1], license='BY-NC'),
        Entry(ids['LiBr'], bromide, phonon_ids=by_method[2]),
        Entry(ids['LiI'], salt('I', 6.0)),
    ]
    monkeypatch.setenv('MP_API_KEY', KEY)
    monkeypatch.setenv('AWS_ALLOW_HTTP', 'true')
    with serve(folder) as store, MaterialsProjectServer(entries, computed) as interface:
        store.write([one.row() for one in computed])
        monkeypatch.setenv('MP_API_ENDPOINT', interface.url)
        monkeypatch.setenv('AWS_ENDPOINT_URL', store.url)
        yield Database(interface, store, ids)
