"""The benchmarks of computed phonons, with springs as the calculator: errors of springs that are too soft are found."""

from __future__ import annotations

import json
import math
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from plugins_springs import Folder, Springs

pytest.importorskip('ase', reason='calculators need ASE, of the extra mlip')

from plugins_spring_calculator import SpringCalculator

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import phonon_embedded, phonon_mlip
from benchmarks.common import OXIDES_FILE
from benchmarks.phonon_mlip import ROWS_FILE

SOFT = 0.81


@pytest.fixture
def data(tmp_path):
    """Return a data folder with one archive."""
    folder = tmp_path / 'data'
    archives = folder / 'phonon' / 'phonondb_li'
    archives.mkdir(parents=True)
    (folder / OXIDES_FILE).touch()
    springs = Springs(conventional=True)
    source = Folder(tmp_path / 'mp-1', springs).poscar().force_sets()
    with tarfile.open(archives / 'mp-1.tar.xz', 'w:xz') as tar:
        tar.add(source.path, 'mp-1-20180417')
    (folder / 'phonon' / 'phonondb_li_index.csv').write_text(
        'material_id,nsites_supercell,n_displacements\nmp-1,64,2\nmp-2,64,\n'
    )
    return folder


def test_band_centres_of_soft_springs_are_too_low_by_the_root_of_their_softness(data, tmp_path, monkeypatch):
    calculator = SpringCalculator(Springs(spring=SOFT * 2.0))
    monkeypatch.setattr(phonon_mlip, 'load_calculator', lambda name: calculator)
    arguments = ['--data', str(data), '--output', str(tmp_path / 'out'), '--displacement', '0.02', '--relax', 'none']
    arguments += ['--calculator', 'springs']
    done = CliRunner().invoke(phonon_mlip.phonon_mlip, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / 'out' / 'phonon_mlip.json').read_text())
    errors = result['errors_percent']['0.02 Å, as given, stable']['mobile_band_centre_THz']
    assert errors['count'] == 1
    assert errors['bias'] == pytest.approx(100 * (math.sqrt(SOFT) - 1), abs=1e-3)
    (row,) = result['rows']
    assert (row['formula'], row['supercell_atoms'], row['message']) == ('LiF', 64, 'ok')
    assert row['volume_change'] == pytest.approx(0.0)
    kept = (tmp_path / 'out' / ROWS_FILE).read_bytes()
    again = CliRunner().invoke(phonon_mlip.phonon_mlip, arguments, catch_exceptions=False)
    assert again.exit_code == 0
    assert (tmp_path / 'out' / ROWS_FILE).read_bytes() == kept


def test_what_the_calculator_cannot_compute_is_a_row(data, tmp_path, monkeypatch):
    monkeypatch.setattr(phonon_mlip, 'load_calculator', lambda name: SpringCalculator(Springs(), math.nan))
    arguments = ['--data', str(data), '--output', str(tmp_path / 'out'), '--displacement', '0.02', '--relax', 'none']
    done = CliRunner().invoke(phonon_mlip.phonon_mlip, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / 'out' / 'phonon_mlip.json').read_text())
    assert result['failed'] == [['mp-1', 0.02, 'none', 'LiF: a force of the calculator is no number']]


@pytest.mark.parametrize('command', [phonon_mlip.phonon_mlip, phonon_embedded.phonon_embedded])
def test_an_unknown_calculator_is_told(command, data, tmp_path):
    arguments = ['--data', str(data), '--output', str(tmp_path / 'out'), '--calculator', 'nobody']
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 1
    assert "there is no calculator 'nobody'" in done.output


def test_embedded_phonons_are_written_as_they_are_read(tmp_path, monkeypatch):
    from aiida_limap.engines.phonons import embedded_phonons
    from aiida_limap.engines.phonons.calculators import CalculatorOptions

    lattice = embedded_phonons()[0].crystal.lattice['a']
    calculator = SpringCalculator(Springs(lattice=lattice))
    monkeypatch.setattr(phonon_embedded, 'load_calculator', lambda name: calculator)
    monkeypatch.setattr(phonon_embedded, 'CalculatorOptions', lambda: CalculatorOptions(relax='none'))
    arguments = ['--output', str(tmp_path), '--only', 'LiF']
    done = CliRunner().invoke(phonon_embedded.phonon_embedded, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    monkeypatch.setattr('aiida_limap.engines.phonons._embedded.EMBEDDED_NAMES', ('LiF',))
    from aiida_limap.engines.phonons import _embedded

    _embedded.embedded_crystals.cache_clear()
    (entry,) = embedded_phonons(tmp_path / 'embedded')
    _embedded.embedded_crystals.cache_clear()
    assert entry.calculator == {'name': 'SpringCalculator'}
    assert entry.structure.lattice.volume == pytest.approx(lattice**3 / 4)
    frequencies, share = Springs(lattice=lattice).modes(8)
    expected = (frequencies * share).sum() / share.sum()
    assert entry.quantities['mobile_band_centre_THz'] == pytest.approx(expected, rel=2e-3)
