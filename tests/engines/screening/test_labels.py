"""Readers of collections of conductivities, with the quirks of their files, and tables of one's own."""

from __future__ import annotations

import math
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.labels import (
    COLUMNS,
    LabelledRow,
    LabelledSet,
    label_of,
    match_structures,
    merge_duplicates,
    parse_composition,
    read_labels,
    read_laskowski,
    read_liverpool,
    read_obelix,
)

pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')

OBELIX = """\
ID,Reduced Composition,Ionic conductivity (S cm-1),Space group #,DOI,close match,close match DOI
aa1,Li3MgN2,3e-4,225,10.1/one,,
bb2,Li3MgN2,3e-6,225,https://doi.org/10.1/two,,
cc3,Li3MgN2,5e-4,62,10.1/three,,
dd4,Li2MgO2,<1E-10,166,10.1/four,Yes,10.1/other
ee5,Li2MgO2,<1E-2,167,10.1/five,,
ff6,Na2MgO2,1e-5,167,10.1/six,,
gg7,Li4MgO3,n/a,167,10.1/seven,,
hh8,LiMgO,0,167,10.1/eight,,
ii9,LiMgO,1e-5,231,10.1/nine,,
"""
LIVERPOOL = """\
\ufeffID,composition,source,temperature,target,log_target
1,Li2MgO2,10.1/one,25,0.002,-2.7
2,Li2MgO2,10.1/one,200,0.02,-1.7
3,"""
LIVERPOOL += '"""(Li2O)50 (MgO)30 (Al2O3)20""",10.1/two,24.85,2.5E-07,-6.6\n'
LIVERPOOL += '3,Li9Mg,10.1/three,30,1E-3,-3\n3,Li9Mg,10.1/three,30,1E-3,-3\n4,Li9Mg,Some Journal 26 (1965),30,1E-7,-7\n'
LASKOWSKI = """\
\ufeffStructure,σ(RT)(S cm-1),Ea (eV),space group,ICSD Entry
Li2MgO2,1.2E−4,0.3,2,7
Li2MgO2*H2O,1.2E-4,,,
r-Li2MgO2,1.2E-4,,,
Li8MgO5,<1E-10,,,
Li[Mg0.5Al0.5]O2,2E-5,,,
"""


def crystal(edge: float = 4.2, other: str = 'O') -> Structure:
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(edge), ['Li', other], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def obelix(tmp_path) -> Path:
    path = tmp_path / 'train.csv'
    path.write_text(OBELIX)
    return path


def write(tmp_path: Path, text: str, name: str = 'table.csv') -> Path:
    path = tmp_path / name
    path.write_text(text, encoding='utf-8')
    return path


def test_measurements_of_one_compound_in_one_space_group_become_one_row(obelix):
    labelled = read_obelix(obelix)
    assert labelled.ids == ['obelix:aa1', 'obelix:cc3', 'obelix:dd4']
    merged, other, bound = labelled
    assert merged.conductivity_S_per_cm == pytest.approx(3e-5)
    assert (merged.label, merged.citation) == (0, '10.1/one; 10.1/two')
    assert merged.note == 'median of 2 values from 3e-06 to 0.0003 S/cm, 1 of them fast'
    assert (other.label, other.space_group) == (1, 62)
    assert (bound.label, bound.bound, bound.conductivity_S_per_cm) == (0, '<', 1e-10)
    assert labelled.labels.tolist() == [0, 1, 0]
    assert labelled.formulas == ['Li3MgN2', 'Li3MgN2', 'Li2MgO2']
    assert labelled.n_fast == 1
    assert set(labelled.column('collection')) == {'OBELiX'}


def test_rows_that_cannot_be_taken_are_left_out_with_a_reason(obelix):
    reasons = {entry.id.removeprefix('obelix:'): entry.reason for entry in read_obelix(obelix).left_out}
    assert set(reasons) == {'ee5', 'ff6', 'gg7', 'hh8', 'ii9'}
    assert 'does not tell whether the conductor is fast' in reasons['ee5']
    assert reasons['ff6'] == "'Na2MgO2' holds no lithium."
    assert reasons['gg7'] == "'n/a' is no conductivity."
    assert 'impossible' in reasons['hh8']
    assert 'no number of a space group' in reasons['ii9']


def test_duplicates_are_kept_or_refused_where_that_is_asked_for(obelix):
    assert len(read_obelix(obelix, duplicates='keep')) == 4
    with pytest.raises(InputError, match='obelix:aa1, obelix:bb2 all speak of Li3MgN2'):
        read_obelix(obelix, duplicates='refuse')
    with pytest.raises(InputError, match="not by 'drop'"):
        read_obelix(obelix, duplicates='drop')


@pytest.fixture(params=['folder', 'zip', 'tar.gz'])
def cifs(request, tmp_path) -> Path:
    """Return CIFs for rows aa1, bb2 (damaged), cc3 (disordered, another compound) and dd4 (without lithium)."""
    folder = tmp_path / 'cifs'
    folder.mkdir()
    nitride = Structure.from_spacegroup(
        'F-43m',
        Lattice.cubic(5.0),
        [{'Li': 0.75, 'Mg': 0.25}, {'Li': 0.75, 'Mg': 0.25}, 'N'],
        [[0.25] * 3, [0.75] * 3, [0] * 3],
    )
    nitride.to(str(folder / 'aa1.cif'))
    (folder / 'bb2.cif').write_text('data_bb2\nloop_\n_atom_site_label\n')
    Structure(Lattice.cubic(4.0), [{'Li': 0.5}, 'Mg', 'N'], [[0] * 3, [0.5] * 3, [0.5, 0.5, 0]]).to(
        str(folder / 'cc3.cif')
    )
    Structure(Lattice.cubic(4.0), ['Mg', 'O'], [[0] * 3, [0.5] * 3]).to(str(folder / 'dd4.cif'))
    (folder / 'zz9.cif').write_text('data_zz9\n')
    if request.param == 'folder':
        return folder
    path = tmp_path / f'cifs.{request.param}'
    if request.param == 'zip':
        with zipfile.ZipFile(path, 'w') as archive:
            for file in folder.iterdir():
                archive.write(file, f'some/{file.name}')
    else:
        with tarfile.open(path, 'w:gz') as archive_of_tar:
            archive_of_tar.add(folder, 'some')
    return path


def test_crystals_of_the_publisher_are_kept_as_they_are_and_remarked_upon(obelix, cifs):
    rows = {row.id.removeprefix('obelix:'): row for row in read_obelix(obelix, cifs, duplicates='keep')}
    assert rows['aa1'].match == 'cif of the publisher'
    assert rows['aa1'].match_note == 'disordered'
    assert not rows['aa1'].structure.is_ordered
    assert rows['cc3'].match_note == 'the crystal is Li0.5Mg1N1, not Li3MgN2; disordered'
    assert (rows['bb2'].structure, rows['bb2'].match) == (None, 'none')
    assert 'the CIF of the publisher cannot be used: it does not parse' in rows['bb2'].match_note
    assert rows['dd4'].match_note == 'the CIF of the publisher cannot be used: it holds no lithium.'
    merged = read_obelix(obelix, cifs)
    assert len(merged.with_structures()) == 2
    assert len(merged.with_structures(ordered=True)) == 0
    assert '2 by cif of the publisher' in merged.summary()


def test_a_place_without_crystals_is_refused(obelix, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match='holds no CIF that is named after a row'):
        read_obelix(obelix, tmp_path / 'empty')
    with pytest.raises(InputError, match='There is no file or folder'):
        read_obelix(obelix, tmp_path / 'nowhere.tar.gz')
    with pytest.raises(InputError, match='no folder, zip or tar archive'):
        read_obelix(obelix, obelix)


def test_other_temperatures_repeated_lines_and_glasses_of_the_liverpool_set(tmp_path):
    labelled = read_liverpool(write(tmp_path, LIVERPOOL), duplicates='keep')
    assert labelled.ids == ['liverpool:1', 'liverpool:3', 'liverpool:3@5', 'liverpool:4']
    assert ('liverpool:3', 'line 6 of table.csv repeats it.') in [
        (entry.id, entry.reason) for entry in labelled.left_out
    ]
    assert labelled[1].composition == '"(Li2O)50 (MgO)30 (Al2O3)20"'
    assert labelled[1].pymatgen_composition['Li'] == 100
    assert labelled[1].temperature_K == pytest.approx(298.0)
    assert labelled[3].citation == 'Some Journal 26 (1965)'
    reasons = [(entry.id, entry.reason) for entry in labelled.left_out]
    assert ('liverpool:3', 'line 6 of table.csv repeats it.') in reasons
    assert ('liverpool:2', 'it was measured at 200 °C, not at room temperature.') in reasons
    merged = read_liverpool(tmp_path / 'table.csv')
    assert [row.label for row in merged] == [1, 0, 0]
    assert merged[2].note == 'median of 2 values from 1e-07 to 0.001 S/cm, 1 of them fast'


def test_a_line_that_repeats_another_one_is_left_out(tmp_path):
    text = 'ID,composition,source,temperature,target\n7,Li2MgO2,10.1/one,25,1e-3\n7,Li2MgO2,10.1/one,25,1e-3\n'
    labelled = read_liverpool(write(tmp_path, text), duplicates='keep')
    assert labelled.ids == ['liverpool:7']
    assert labelled.left_out[0].reason == 'line 3 of table.csv repeats it.'


def test_minus_signs_and_formulas_of_the_laskowski_set(tmp_path):
    labelled = read_laskowski(write(tmp_path, LASKOWSKI))
    assert labelled.ids == ['laskowski:1', 'laskowski:4', 'laskowski:5']
    assert labelled.conductivities == pytest.approx([1.2e-4, 1e-10, 2e-5])
    assert labelled.labels.tolist() == [1, 0, 0]
    assert labelled[2].formula == 'Li2MgAlO4'
    assert [entry.id for entry in labelled.left_out] == ['laskowski:2', 'laskowski:3']
    assert all('is no chemical formula' in entry.reason for entry in labelled.left_out)


@pytest.mark.parametrize('reader', [read_obelix, read_liverpool, read_laskowski, read_labels])
def test_a_missing_column_or_file_is_named(reader, tmp_path):
    path = write(tmp_path, 'ID,composition,target\n1,Li2O,1\n')
    with pytest.raises(InputError, match=r'has no column .*, which a table .* needs; its columns are ID, composition'):
        reader(path)
    with pytest.raises(InputError, match='There is no file'):
        reader(tmp_path / 'nowhere.csv')
    (tmp_path / 'table.xlsx').write_bytes(b'PK\x03\x04\xff\xfe\x80')
    with pytest.raises(InputError, match='is a CSV file'):
        reader(tmp_path / 'table.xlsx')


def test_a_table_without_rows_is_refused(tmp_path):
    with pytest.raises(InputError, match='no rows below its header'):
        read_laskowski(write(tmp_path, 'Structure,σ(RT)(S cm-1)\n'))


def test_a_table_of_ones_own_with_a_structure_file(tmp_path):
    crystal().to(str(tmp_path / 'oxide.cif'))
    text = (
        'formula;conductivity_S_per_cm;label;citation;structure;kind;temperature_K;match_note\n'
        'LiO;1e-3;fast;doi:10.1/one;oxide.cif;;300;seen in the same paper\n'
        'Li2O;;0;10.1/two;;molecular dynamics;;\n'
        'Li3N;<1E-9;;10.1/three;;;;\n'
    )
    labelled = read_labels(write(tmp_path, text))
    assert labelled.ids == ['1', '2', '3']
    assert labelled.labels.tolist() == [1, 0, 0]
    first, second, third = labelled
    assert (first.match, first.match_note) == ('file named in the table', 'seen in the same paper')
    assert (first.citation, first.temperature_K) == ('10.1/one', 300.0)
    assert math.isnan(second.conductivity_S_per_cm)
    assert (second.kind, third.bound) == ('molecular dynamics', '<')


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('Li2O,1e-3,slow,10.1/a,', 'contradicts its conductivity'),
        ('Li2O,,,10.1/a,', 'neither a conductivity nor a label'),
        ('Li2O,1e-3,,,', 'no citation'),
        ('Li2O,,maybe,10.1/a,', "the label 'maybe' is none of"),
        ('Xy2O,1e-3,,10.1/a,', 'is no chemical formula'),
        ('Li2O,1e-3,,10.1/a,nowhere.cif', 'there is no structure file'),
        ('Li2O,1e-3,,10.1/a,table.csv', 'does not parse as a structure'),
    ],
)
def test_a_wrong_row_of_ones_own_table_is_an_error_that_names_it(tmp_path, line, reason):
    path = write(tmp_path, f'formula,conductivity_S_per_cm,label,citation,structure\n{line}\n')
    with pytest.raises(InputError, match=reason) as error:
        read_labels(path)
    assert 'row 1' in str(error.value)


def test_columns_of_ones_own_table_are_checked(tmp_path):
    with pytest.raises(InputError, match="unknown column 'sigma'; known are id, formula"):
        read_labels(write(tmp_path, 'formula,citation,sigma\nLi2O,10.1/a,1\n'))
    with pytest.raises(InputError, match='a column conductivity_S_per_cm or label is needed'):
        read_labels(write(tmp_path, 'formula,citation\nLi2O,10.1/a\n'))
    with pytest.raises(InputError, match='all speak of Li2O'):
        read_labels(write(tmp_path, 'formula,citation,label\nLi2O,10.1/a,1\nLi4O2,10.1/b,1\n'))


def test_contradicting_labels_without_conductivities_cannot_be_merged():
    rows = [LabelledRow(id=str(label), composition='Li2O', label=label) for label in (0, 1)]
    with pytest.raises(InputError, match='contradicting labels'):
        merge_duplicates(rows)
    (merged,) = merge_duplicates([rows[0], LabelledRow(id='x', composition='Li4O2', label=0)])
    assert (merged.id, merged.note) == ('0', '2 rows with one label')


def test_rows_and_sets_refuse_what_makes_no_sense():
    for words, reason in (
        ({'label': 2}, 'the label must be 0 or 1'),
        ({'kind': 'guessed'}, 'the kind must be'),
        ({'match': 'luck'}, 'no way of matching'),
        ({'match': 'formula'}, 'a match must be told where there is a structure'),
        ({'conductivity_S_per_cm': -1.0}, 'is impossible'),
        ({'conductivity_S_per_cm': math.inf}, 'is impossible'),
    ):
        with pytest.raises(InputError, match=reason):
            LabelledRow(**{'id': 'a', 'composition': 'Li2O', 'label': 1, **words})
    row = LabelledRow(id='a', composition='Li2O', label=1)
    with pytest.raises(InputError, match="'a' stands in two rows"):
        LabelledSet((row, row))
    with pytest.raises(InputError, match="no column 'colour'"):
        LabelledSet((row,)).column('colour')


def test_the_limit_between_slow_and_fast():
    assert [label_of(value) for value in (9.99e-5, 1e-4, 1e-2)] == [0, 1, 1]
    assert label_of(1e-4, '<') == 0
    with pytest.raises(InputError, match='does not tell'):
        label_of(2e-4, '<')


@pytest.mark.parametrize('text', ['', 'Li2O*H2O', 'o-Li', 'Li2O Xx', '0.5'])
def test_texts_that_are_no_formulas(text):
    with pytest.raises(InputError, match='is no chemical formula'):
        parse_composition(text)


def test_a_set_is_a_sequence_with_named_columns():
    rows = [LabelledRow(id=name, composition='Li2O', label=0, conductivity_S_per_cm=1e-9) for name in 'abc']
    labelled = LabelledSet(tuple(rows), name='three')
    assert [row.id for row in labelled[1:]] == ['b', 'c']
    assert labelled[0] is rows[0]
    assert labelled.compositions[0].reduced_formula == 'Li2O'
    assert all(len(labelled.column(name)) == 3 for name in COLUMNS)
    assert labelled.conductivities.dtype == np.float64
    assert labelled.structures == [None] * 3
    assert len(labelled.filtered(lambda row: row.id == 'b')) == 1


def test_crystals_are_matched_by_formula_and_space_group():
    cubic = crystal()
    other = Structure(Lattice.orthorhombic(2, 3, 4), ['Li', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    structures = {'first': other, 'second': cubic, 'sulfide': crystal(5.0, 'S')}
    rows = (
        LabelledRow(id='named', composition='LiO', label=1, space_group=225),
        LabelledRow(id='unnamed', composition='Li2O2', label=1),
        LabelledRow(id='another group', composition='LiO', label=1, space_group=62),
        LabelledRow(id='another formula', composition='Li2O', label=1),
    )
    matched = match_structures(LabelledSet(rows), structures, names={'first': 'mp-1'})
    assert [row.match for row in matched] == ['formula and space group', 'formula', 'none', 'none']
    assert matched[0].structure is cubic
    assert matched[0].match_note == 'second'
    assert matched[1].match_note == 'mp-1, the first of 2 that fit'
    strict = match_structures(LabelledSet(rows), structures, need_space_group=True)
    assert [row.match for row in strict] == ['formula and space group', 'none', 'none', 'none']
    # A row that has a crystal keeps it.
    assert match_structures(matched, {'third': crystal(4.3)})[0].structure is cubic


@pytest.mark.parametrize(
    ('reader', 'file', 'numbers'),
    [
        (read_obelix, 'obelix_train.csv', (402, 173, 0)),
        (read_liverpool, 'liverpool_LiIonDatabase.csv', (403, 151, 355)),
        (read_laskowski, 'laskowski_sse.csv', (800, 382, 420)),
    ],
)
def test_the_files_of_the_publishers(reader, file, numbers, shared_data):
    labelled = reader(shared_data / file)
    assert (len(labelled), labelled.n_fast, len(labelled.left_out)) == numbers
    assert all(row.citation for row in labelled if row.collection != 'OBELiX')
