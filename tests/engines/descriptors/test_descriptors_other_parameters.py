"""Another set of bond-valence parameters changes the landscape part of a layout, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.common.layouts import reads_bond_valence
from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.engines.descriptors import layout_names, load_layout
from aiida_limap.engines.descriptors.task import run
from aiida_limap.engines.errors import InputError
from aiida_limap.formats.job import Job
from aiida_limap.formats.parameters import embedded_parameters, parse_parameters
from aiida_limap.formats.results import ResultsWriter, read_results
from aiida_limap.formats.structures import write_structures


@pytest.fixture
def folder(tmp_path):
    structure = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], [[0.25] * 3, [0, 0, 0]])
    write_structures(tmp_path / 'structures.json', [record_from_structure(structure.get_primitive_structure(), 'a')])
    text = embedded_parameters().decode().replace('name: softbv', 'name: softer')
    (tmp_path / 'softer.yaml').write_text(text.replace('morse_scale: 1.0', 'morse_scale: 0.8'))
    return tmp_path


def described(folder, parameters, **inputs):
    writer = ResultsWriter(folder, 'descriptors', '0')
    run(Job('descriptors', parameters, {'structures': 'structures.json', **inputs}), folder, writer)
    writer.finish()
    return read_results(folder)


def test_a_given_set_changes_the_landscape_only(folder):
    parameters = {'layout': 'modern', 'landscape': True}
    own = described(folder, parameters)
    given = described(folder, parameters, bond_valence='softer.yaml')
    for part in ('composition', 'structure'):
        assert np.array_equal(own.arrays[part], given.arrays[part])
    assert not np.allclose(own.arrays['landscape'], given.arrays['landscape'])
    assert own.summary['parameters_name'] == 'softbv 2019-1'
    assert own.summary['parameters_checksum'] == parse_parameters(embedded_parameters()).checksum
    assert given.summary['parameters_name'] == 'softer 2019-1'
    # The columns mean the same, so the tables can still be joined by the layout.
    assert own.summary['layout_checksum'] == given.summary['layout_checksum']
    again = described(folder, parameters)
    assert np.array_equal(own.arrays['landscape'], again.arrays['landscape'])


def test_descriptors_without_a_landscape_name_no_set_and_take_none(folder):
    results = described(folder, {'layout': 'modern'})
    assert not any(name.startswith('parameters') for name in results.summary)
    with pytest.raises(InputError, match='modern reads no bond-valence parameters without its landscape part'):
        described(folder, {'layout': 'modern'}, bond_valence='softer.yaml')


def test_a_broken_file_fails_the_job(folder):
    (folder / 'broken.yaml').write_text('name: broken\n')
    with pytest.raises(InputError, match=r"broken\.yaml: the key 'citation' is missing"):
        described(folder, {'layout': 'modern', 'landscape': True}, bond_valence='broken.yaml')


def test_a_layout_cannot_name_a_file_of_parameters():
    document = load_layout('modern').as_dict()
    document['landscape'][0]['options'] = {'parameters': '/etc/passwd'}
    with pytest.raises(InputError):
        load_layout(document)


@pytest.mark.parametrize('name', layout_names())
@pytest.mark.parametrize('landscape', [False, True])
def test_who_submits_knows_which_layouts_read_parameters(name, landscape):
    layout = load_layout(name)
    if landscape and not layout.parts['landscape']:
        pytest.skip('the layout has no landscape part')
    parts = ('composition', 'structure', 'landscape') if landscape else ('composition', 'structure')
    reads = bool(layout.facts(parts))
    assert reads_bond_valence({'layout': name, 'landscape': landscape}) is reads
    assert reads_bond_valence({'layout': layout.as_dict(), 'landscape': landscape}) is reads


def test_a_landscape_in_the_structure_part_is_noticed():
    document = load_layout('modern').as_dict()
    document['structure'] += [{**document['landscape'][0], 'name': 'energies'}]
    assert reads_bond_valence({'layout': document})
    assert load_layout(document).facts(('composition', 'structure'))
