"""Files of bond-valence parameters: what is read, and what is refused in which words."""

from __future__ import annotations

import hashlib

import pytest
import yaml

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.parameters import embedded_parameters, parse_parameters, read_parameters_file

SMALL = """\
name: mine
version: 3
citation: A. Author, J. Somewhere 1, 2 (2020)
licence: CC-BY-4.0
units: {R0: angstrom, b: angstrom, alpha: 1/angstrom, D0: eV, R_min: angstrom}
columns: [cation, anion, R0, b, alpha, D0, R_min, preferred_coordination]
pairs: |
  Li+  O2-  1.17096  0.516  1.937984  0.988160  1.940013  5.021

  Na+  O2-  1.56225  0.482  2.074689  0.575227  2.374335  6.520
derived:
  - {anion: O-, like: O2-, cations: [Li+], reason: not tabulated}
principal_quantum_numbers: {2: [Li, O], 3: [Na]}
d_and_f_block: []
radii: {softbv: {citation: the same, angstrom: {Li+: 1.31, O2-: 1.33}}}
presets:
  bvff: {description: whole, morse_scale: 1.0, screening_factor: 0.74}
"""
LI_ROW = 'Li+  O2-  1.17096  0.516  1.937984  0.988160  1.940013  5.021'
NA_ROW = 'Na+  O2-  1.56225  0.482  2.074689  0.575227  2.374335  6.520'


def test_a_small_file_is_read_with_all_that_it_says():
    document = parse_parameters(SMALL.encode())
    assert (document.name, document.version, document.licence) == ('mine', '3', 'CC-BY-4.0')
    assert [(row.cation, row.anion, row.place) for row in document.rows] == [
        ('Li+', 'O2-', 'line 8: '),
        ('Na+', 'O2-', 'line 10: '),
        ('Li+', 'O-', 'derived: '),
    ]
    assert document.cations == ('Li+', 'Na+')
    assert document.anions == ('O2-',)
    assert document.radii == {'Li+': 1.31, 'O2-': 1.33}
    assert document.checksum == hashlib.sha256(SMALL.encode()).hexdigest()
    # The depth of the derived row is that of half the charge of the anion.
    depth, half = document.rows[0].D0, document.rows[2].D0
    assert half == pytest.approx(depth / 2, rel=1e-3)


def test_the_embedded_file_says_what_it_is():
    document = parse_parameters(embedded_parameters())
    assert document.name == 'softbv'
    assert document.licence
    assert 'doi:10.1107/S2052520618015718' in document.citation
    assert set(document.presets) == {'bvff', 'bvse'}
    assert len(document.published) > 500


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('citation: A. Author, J. Somewhere 1, 2 (2020)\n', '', "my.yaml: the key 'citation' is missing"),
        ('citation: A. Author, J. Somewhere 1, 2 (2020)', 'citation: ""', 'citation must be a line of text'),
        ('name: mine', 'nane: mine', "unknown key 'nane'; known are citation"),
        ('name: mine', 'name: mine\nname: yours', "the key 'name' stands twice"),
        ('D0: eV', 'D0: kJ/mol', "units: D0 is given in 'kJ/mol', but must be in eV; convert the numbers"),
        ('D0: eV, ', '', "units: the key 'D0' is missing"),
        ('[cation, anion, R0, b,', '[cation, anion, b,', 'columns must be cation, anion, R0'),
        (NA_ROW, LI_ROW, r'line 10: the pair Li\+ and O2- stands twice, first in line 8'),
        ('0.482', '-0.482', r'line 10: b of the pair Na\+ and O2- is -0.482, but must be positive'),
        ('1.56225', '-1.56225', r'line 10: R0 of the pair Na\+ and O2- is -1.56225, but must not be negative'),
        ('0.575227', '0.675227', r'line 10: D0 of the pair Na\+ and O2- is 0.675227 eV, but its other numbers give'),
        ('2.074689', 'two', r"line 10: alpha of the pair Na\+ and O2- is 'two', not a number"),
        ('Na+  O2-', 'Nx+  O2-', r"line 10: cation: 'Nx\+' is an ion of an unknown element 'Nx'"),
        ('Na+  O2-', 'Na   O2-', "line 10: cation: 'Na' is not an ion"),
        ('Na+  O2-', 'O2-  Na+', 'line 10: O2- stands as the cation, but has the other sign of charge'),
        ('6.520', '', r'line 10: the row of Na\+ and O2- has 7 entries, not 8'),
        ('3: [Na]', '3: [Mg]', r'line 10: the pair Na\+ and O2- needs the principal quantum number of Na'),
        ('3: [Na]', '3: [Qq]', "principal_quantum_numbers: 3: unknown element 'Qq'"),
        ('3: [Na]', '3: [No]', 'unknown element False; put symbols that YAML takes for truth values into quotes'),
        ('3: [Na]', '3: [Na, Li]', 'Li stands under 2 and 3'),
        ('3: [Na]', '9: [Na]', '9 is no number of a shell'),
        ('bvff: {', 'mine: {', "presets: unknown preset 'mine'; known are bvff and bvse"),
        ('morse_scale: 1.0', 'morse_scale: -1.0', 'morse_scale of bvff must be a positive number, not -1.0'),
        (', screening_factor: 0.74', '', "presets: bvff: the key 'screening_factor' is missing"),
        ('Li+: 1.31', 'Li+: 0', r'the radius of Li\+ must be a positive number, not 0'),
        ('Li+: 1.31', 'Li: 1.31', "radii: softbv: 'Li' is not an ion"),
        ('like: O2-', 'like: S2-', 'O- cannot be like S2-, which is another element'),
        ('cations: [Li+]', 'cations: [K+]', r'O- with K\+ needs the row of O2- with K\+'),
        ('name: mine', 'name: [mine', 'my.yaml: not a YAML file'),
    ],
)
def test_wrong_files_are_refused_with_the_line_and_the_pair(tmp_path, old, new, words):
    assert old in SMALL
    path = tmp_path / 'my.yaml'
    path.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(FormatError, match=words) as caught:
        read_parameters_file(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'\xff\xfe\x00', 'not a text file in UTF-8'),
        (b'', 'expected keys with values at the top, found NoneType'),
        (b'- a\n- b\n', 'expected keys with values at the top, found list'),
        (b'{"a": 1', 'not a YAML file'),
        (b'a: &x [*x]\n', "the key 'citation' is missing|unknown key 'a'"),
    ],
)
def test_what_is_no_parameter_file_is_refused(content, words):
    with pytest.raises(FormatError, match=words):
        parse_parameters(content)


def test_rows_in_quotes_are_counted_from_the_first_row():
    document = yaml.safe_load(SMALL)
    document['pairs'] = document['pairs'].replace('Na+  O2-', 'Nx+  O2-')
    text = yaml.safe_dump(document, default_style='"', sort_keys=False)
    with pytest.raises(FormatError, match='row 3: cation'):
        parse_parameters(text.encode())


def test_rows_must_be_text_and_derived_ones_stand_once():
    document = yaml.safe_load(SMALL)
    with pytest.raises(FormatError, match='pairs must be text with one row per line'):
        parse_parameters(yaml.safe_dump({**document, 'pairs': [1, 2]}).encode())
    document['derived'] *= 2
    with pytest.raises(FormatError, match=r'derived: the pair Li\+ and O- stands twice, first in derived'):
        parse_parameters(yaml.safe_dump(document).encode())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FormatError, match=r'absent\.yaml cannot be read: No such file'):
        read_parameters_file(tmp_path / 'absent.yaml')
