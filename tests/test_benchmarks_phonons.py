"""The benchmark of phonons on an archive of springs: rows are kept, and a wrong reference shows."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from plugins_springs import Folder, Springs

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import OXIDES_FILE
from benchmarks.phonons import ROWS_FILE, phonons

HEADS = {
    'recomputed_index.csv': 'material_id,li_band_centre,total_band_centre,li_band_centre_298K,total_band_centre_298K',
    'data_labelled_kasper.csv': 'material_id,fav,fav_tot,298,298_tot',
    'li_index_mismatch.csv': 'material_id,formula_in_csv',
}


@pytest.fixture
def data(tmp_path):
    """Return a data folder with a good and a damaged archive."""
    folder = tmp_path / 'data'
    archives = folder / 'phonon' / 'phonondb_li'
    archives.mkdir(parents=True)
    (folder / OXIDES_FILE).touch()
    source = Folder(tmp_path / 'mp-1', Springs()).poscar().force_sets()
    with tarfile.open(archives / 'mp-1.tar.xz', 'w:xz') as tar:
        tar.add(source.path, 'mp-1-20180417')
    (archives / 'mp-2.tar.xz').write_bytes(b'nothing')
    rows = {
        'recomputed_index.csv': 'mp-1,20.36,17.58,19.1,16.1',
        'data_labelled_kasper.csv': 'mp-1,14.0,17.5,16.1,14.2',
        'li_index_mismatch.csv': 'mp-1,Li F',
    }
    for name, head in HEADS.items():
        (folder / 'phonon' / name).write_text(f'{head}\n{rows[name]}\n')
    return folder


def test_rows_are_compared_kept_and_not_computed_twice(data, tmp_path):
    arguments = ['--data', str(data), '--output', str(tmp_path / 'out')]
    done = CliRunner().invoke(phonons, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / 'out' / 'phonons.json').read_text())
    assert result['statuses'] == {'ok': 1, 'unreadable': 1}
    assert result['refused'][0][:2] == ['mp-2', 'unreadable']
    ours = next(row for row in result['rows'] if row['id'] == 'mp-1')['values']
    deviations = result['deviations_percent']['mobile_band_centre_THz']
    assert deviations['all, from recomputed']['bias'] == pytest.approx(
        100 * (ours['mobile_band_centre_THz'] / 20.36 - 1)
    )
    assert deviations['mis-assigned, from published']['median'] > 30
    assert abs(deviations['mis-assigned, from recomputed']['median']) < 5
    assert (tmp_path / 'out' / 'phonons.png').stat().st_size > 0
    again = CliRunner().invoke(phonons, arguments, catch_exceptions=False)
    assert '1/2 mp-' not in again.output
    (tmp_path / 'out' / ROWS_FILE).unlink()
    assert '1/2 mp-' in CliRunner().invoke(phonons, [*arguments, '--tetrahedron', '0']).output
