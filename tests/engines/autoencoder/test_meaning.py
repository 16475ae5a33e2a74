"""What the axes of a map mean."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_limap.engines.autoencoder.meaning import Quantity, axis_meaning, first_peaks, named_quantities


def test_the_quantity_that_an_axis_follows_comes_first():
    rng = np.random.default_rng(0)
    x_comp, x_struc, noise = rng.normal(size=(3, 400))
    quantities = {
        'noise': Quantity(noise),
        'cube': Quantity(-(x_comp**3), 'Å', 'falls with the composition code'),
        'square': Quantity(x_struc**2, '', 'even in the structure code'),
    }
    records = axis_meaning((x_comp, x_struc), quantities)
    assert len(records) == 6
    assert {(entry['axis'], entry['quantity']) for entry in records[:2]} == {('x_comp', 'cube'), ('x_struc', 'square')}
    strengths = [entry['mutual_information_nats'] for entry in records]
    assert strengths == sorted(strengths, reverse=True)
    cube, square = sorted(records[:2], key=lambda entry: entry['quantity'])
    assert cube['spearman'] == pytest.approx(-1)
    assert (cube['unit'], cube['meaning'], cube['n']) == ('Å', 'falls with the composition code', 400)
    # A rank correlation is blind to what is even; the information is not.
    assert abs(square['spearman']) < 0.15
    assert square['information_correlation'] > 0.9
    assert all(entry['mutual_information_nats'] < 0.15 for entry in records[2:])
    assert records == axis_meaning((x_comp, x_struc), quantities)
    assert json.loads(json.dumps(records, allow_nan=False)) == records


def test_information_of_normal_numbers():
    rng = np.random.default_rng(1)
    first, other = rng.normal(size=(2, 2000))
    for correlation in (0.3, 0.6, 0.9):
        second = correlation * first + np.sqrt(1 - correlation**2) * other
        found = axis_meaning((first, np.zeros(2000)), {'second': Quantity(second)})[0]
        assert found['mutual_information_nats'] == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.06)
        assert found['information_correlation'] == pytest.approx(correlation, abs=0.1)


def test_polymorphs_are_no_information():
    rng = np.random.default_rng(2)
    code, values = rng.normal(size=(2, 100))
    codes, quantity = (np.repeat(code, 8), np.zeros(800)), Quantity(np.repeat(values, 8))
    (found,) = axis_meaning(codes, {'a': quantity})
    assert (found['axis'], found['n']) == ('x_comp', 100)
    assert found['mutual_information_nats'] < 0.2
    # Rounding errors of cells of unlike size are no difference.
    rounded = codes[0] * (1 + 1e-15 * rng.normal(size=800))
    assert len(set(rounded)) > 100
    (again,) = axis_meaning((rounded, codes[1]), {'a': quantity})
    assert again['n'] == 100
    assert again['spearman'] == pytest.approx(found['spearman'])


def test_what_is_missing_or_does_not_vary_is_left_out():
    rng = np.random.default_rng(3)
    code = rng.normal(size=40)
    values = np.where(np.arange(40) < 25, code, np.nan)
    quantities = {
        'some': Quantity(values),
        'few': Quantity(np.where(np.arange(40) < 9, code, np.nan)),
        'none': Quantity(np.full(40, np.nan)),
        'same': Quantity(np.ones(40)),
    }
    records = axis_meaning((code, np.ones(40)), quantities)
    assert [(entry['axis'], entry['quantity'], entry['n']) for entry in records] == [('x_comp', 'some', 25)]


def columns():
    centres = np.arange(0.25, 6, 0.5)
    return {
        'composition_labels': ['fraction_Li', 'fraction_O', 'fraction_Sc', 'mass_5.5', 'mass_15.5', 'mass_25.5'],
        'composition_units': ['', '', '', 'u', 'u', 'u'],
        'composition_meanings': ['', '', '', *[f'share of atoms with atomic weight near {m}' for m in (5, 15, 25)]],
        'structure_labels': [
            *(f'rdf_Li-O_{r:g}' for r in centres),
            'adf_30',
            'adf_90',
            'adf_150',
            'packing_volume_atom',
        ],
        'structure_units': [*['Å'] * 12, *['degree'] * 3, 'Å3'],
        'structure_meanings': [*['g'] * 12, *['share'] * 3, 'volume per atom'],
    }, centres


def test_quantities_are_read_from_columns(data, changed):
    rng = np.random.default_rng(4)
    known, centres = columns()
    lithium = rng.uniform(0.1, 0.5, 60)
    scandium = np.where(np.arange(60) < 5, 0.1, 0.0)
    oxygen = 1 - lithium - scandium
    mass = rng.dirichlet(np.ones(3), 60)
    nearest = rng.uniform(1.5, 3, 60)
    rdf = np.exp(-((centres - nearest[:, None]) ** 2) / 0.3) + 0.8 * np.exp(-((centres - 5) ** 2) / 0.3)
    angles = rng.dirichlet(np.ones(3), 60)
    angles[7] = 0
    volume = rng.uniform(8, 14, 60)
    given = changed(
        data,
        composition=np.column_stack([lithium, oxygen, scandium, mass]),
        structure=np.column_stack([rdf, angles, volume]),
        columns=known,
    )
    found = named_quantities(given)
    # Scandium is in fewer than ten compounds.
    assert list(found) == [
        'migration_energy', 'fraction_Li', 'fraction_O', 'number_of_elements', 'Li_per_O', 'mean_mass',
        'packing_volume_atom', 'distance_Li-O', 'mean_angle',
    ]  # fmt: skip
    np.testing.assert_allclose(found['Li_per_O'].values, lithium / oxygen)
    np.testing.assert_allclose(found['number_of_elements'].values, np.where(scandium > 0, 3, 2))
    np.testing.assert_allclose(found['mean_mass'].values, mass @ [5.5, 15.5, 25.5])
    assert found['mean_mass'][1:] == ('u', 'mean over the atoms of the atomic weight')
    np.testing.assert_allclose(found['distance_Li-O'].values, nearest, atol=0.12)
    assert found['distance_Li-O'].unit == 'Å'
    assert np.isnan(found['mean_angle'].values[7])
    np.testing.assert_allclose(found['packing_volume_atom'].values, volume)


def test_columns_without_names(data, changed):
    assert list(named_quantities(changed(data, columns={}))) == ['migration_energy']


def test_first_peaks():
    centres = np.arange(0.05, 8, 0.1)
    true = np.array([1.93, 2.4, 3.111])
    rows = np.exp(-((centres - true[:, None]) ** 2) / 0.02) + 3 * np.exp(-((centres - 6) ** 2) / 0.05)
    # Ripples of a hundredth of the highest value are no shell.
    rows += 0.02 * np.exp(-((centres - 0.8) ** 2) / 0.02)
    np.testing.assert_allclose(first_peaks(rows, centres), true, atol=0.01)
    assert np.isnan(first_peaks(np.zeros((1, 80)), centres)).all()
    edge = np.exp(-centres[None, :])
    assert first_peaks(edge, centres)[0] == pytest.approx(0.05, abs=0.06)
    assert first_peaks(edge[:, ::-1], centres)[0] == pytest.approx(7.95, abs=0.06)


@pytest.mark.parametrize('name', ['yamaguchi2023', 'modern'])
def test_layouts_have_named_quantities(data, changed, name):
    from aiida_limap.engines.descriptors import load_layout
    from aiida_limap.engines.descriptors.task import meaning, parts_of

    layout = load_layout(name)
    known = meaning(layout, parts_of(layout, False))
    rng = np.random.default_rng(5)
    rows = {part: rng.uniform(size=(60, len(known[f'{part}_labels']))) for part in ('composition', 'structure')}
    found = named_quantities(changed(data, columns=known, **rows))
    own = {
        'modern': {'packing_volume_atom', 'site_coordination_anions_mean', 'distance_Li-anion', 'channels_0_0_2d'},
        'yamaguchi2023': {'voronoi_faces_Li', 'distance_Li-O', 'mean_melting_point', 'mean_angle'},
    }
    wanted = {'fraction_Li', 'fraction_O', 'Li_per_O', 'mean_electronegativity', 'distance_Li-Li'} | own[name]
    assert wanted <= set(found)
    assert all(quantity.meaning for quantity in found.values())
    assert found['distance_Li-Li'].unit == 'Å'
