"""What is taken from the cache and what never is, on real runs of a stand-in of the engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import CalculationFactory
from plugins_aiida import STAND_IN, make_dataset, make_structure

import aiida_limap
from aiida_limap.calculations.bvff import BvffCalculation
from aiida_limap.calculations.descriptors import DescriptorsCalculation
from aiida_limap.common.keys import structures_by_key
from aiida_limap.data.bond_valence import BondValenceData
from aiida_limap.formats.parameters import embedded_parameters
from aiida_limap.workflows.featurize import FeaturizeWorkChain
from aiida_limap.workflows.map import MapWorkChain


@pytest.fixture
def engine(aiida_code_installed, tmp_path) -> SimpleNamespace:
    """Return a code, and a function that changes what its engine does: on the computer, so that the node stays."""
    settings, script = tmp_path / 'settings.sh', tmp_path / 'engine'
    settings.write_text('')
    script.write_text(f'#!/bin/sh\n. {settings}\nexec {sys.executable} {STAND_IN} "$@"\n')
    script.chmod(0o755)

    def change(**values: Any) -> None:
        settings.write_text(''.join(f"export STAND_IN_{name.upper()}='{value}'\n" for name, value in values.items()))

    return SimpleNamespace(code=aiida_code_installed(label='changing', filepath_executable=str(script)), change=change)


@pytest.fixture(autouse=True)
def caching(aiida_profile_clean) -> Iterator[None]:
    with enable_caching():
        yield


@pytest.fixture
def job(engine) -> Callable[..., orm.CalcJobNode]:
    """Return a function that runs a job."""

    def run(structures: list, kind: type = BvffCalculation, **inputs: Any) -> orm.CalcJobNode:
        return run_get_node(kind, code=engine.code, structures=structures_by_key(structures), **inputs)[1]

    return run


def is_cached(node: orm.CalcJobNode) -> bool:
    return node.base.caching.is_created_from_cache


def softer(name: str = 'softer', scale: float = 0.8) -> BondValenceData:
    text = embedded_parameters().decode().replace('name: softbv\n', f'name: {name}\n')
    return BondValenceData(text.replace('morse_scale: 1.0', f'morse_scale: {scale}').encode()).store()


@pytest.mark.parametrize('kind', [BvffCalculation, DescriptorsCalculation])
def test_the_same_inputs_hit_in_any_order(job, kind):
    structures = [make_structure(1 + number / 10) for number in range(3)]
    first = job(structures, kind)
    assert first.exit_status == 0
    again = job(structures[::-1], kind)
    assert (is_cached(first), is_cached(again)) == (False, True)
    assert again.base.caching.get_cache_source() == first.uuid
    assert again.outputs.table.checksum == first.outputs.table.checksum
    assert not is_cached(job(structures[:2], kind))
    # A row is named by its structure: equal crystals of another origin are other rows.
    assert not is_cached(job([make_structure(1), *structures[1:]], kind))


def test_other_parameters_and_scheduler_options(job):
    structure = [make_structure()]
    job(structure, parameters={'spacing_angstrom': 0.3})
    assert is_cached(job(structure, parameters={'spacing_angstrom': 0.3}))
    assert not is_cached(job(structure, parameters={'spacing_angstrom': 0.2}))
    patient = {'options': {'max_wallclock_seconds': 7200, 'queue_name': 'long'}}
    assert is_cached(job(structure, parameters={'spacing_angstrom': 0.3}, metadata=patient))


def test_another_parameter_set_misses_and_the_same_file_hits(job):
    structure, landscape = [make_structure()], {'layout': 'modern', 'landscape': True}
    one, same, other = softer(), softer(), softer(scale=0.7)
    for kind, parameters in ((BvffCalculation, {}), (DescriptorsCalculation, landscape)):
        assert not is_cached(job(structure, kind, parameters=parameters))
        assert not is_cached(job(structure, kind, parameters=parameters, bond_valence=one))
        assert is_cached(job(structure, kind, parameters=parameters, bond_valence=same))
        assert not is_cached(job(structure, kind, parameters=parameters, bond_valence=other))


def test_the_name_of_a_parameter_set_changes_no_number(job):
    content = embedded_parameters()
    nodes = [BondValenceData(content, name=name).store() for name in ('one', 'two')]
    structure = [make_structure()]
    assert [is_cached(job(structure, bond_valence=node)) for node in nodes] == [False, True]


def test_another_version_of_the_engine_misses(job, engine, monkeypatch):
    structure = [make_structure()]
    old = job(structure)
    assert is_cached(job(structure))
    # A new release of the plugin does not take what the engine of the old one computed,
    monkeypatch.setattr(aiida_limap, '__version__', '99.0.0')
    assert not is_cached(job(structure))
    # nor what the old engine on a computer still computes for it.
    assert not is_cached(job(structure))
    engine.change(version='99.0.0')
    new = job(structure)
    assert not is_cached(new)
    assert new.outputs.output_parameters['engine_version'] == '99.0.0'
    again = job(structure)
    assert again.base.caching.get_cache_source() == new.uuid
    monkeypatch.undo()
    assert job(structure).base.caching.get_cache_source() in {old.uuid, *_copies_of(old)}


def _copies_of(node: orm.CalcJobNode) -> list[str]:
    """Return the jobs that were made from a cached one."""
    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={'extras._aiida_cached_from': node.uuid}, project='uuid')
    return query.all(flat=True)


@pytest.mark.parametrize('kind', [BvffCalculation, DescriptorsCalculation])
def test_another_cache_version_misses(job, kind, monkeypatch):
    structure = [make_structure()]
    job(structure, kind)
    assert is_cached(job(structure, kind))
    monkeypatch.setattr(kind, 'CACHE_VERSION', kind.CACHE_VERSION + 1)
    assert not is_cached(job(structure, kind))
    assert is_cached(job(structure, kind))


@pytest.mark.parametrize(
    ('settings', 'status'),
    [({'stop_after': 1}, 400), ({'stop_after': 0}, 312), ({'crash': 'bvff'}, 303), ({'error': 'bvff'}, 330)],
)
def test_failed_infrastructure_never_hits(job, engine, settings, status):
    structures = [make_structure(1 + number / 10) for number in range(2)]
    engine.change(**settings)
    assert [job(structures).exit_status for _ in range(2)] == [status, status]
    engine.change()
    mended = job(structures)
    assert (mended.exit_status, is_cached(mended)) == (0, False)
    assert is_cached(job(structures))


@pytest.mark.parametrize('state', ['killed', 'excepted'])
def test_jobs_that_did_not_end_by_themselves_never_hit(job, state):
    structure = [make_structure()]
    first = job(structure)
    # As the daemon leaves a node whose process was killed, or raised, after everything came back.
    first.backend_entity.set_attribute('process_state', state)
    assert not is_cached(job(structure))


def test_a_batch_without_any_mobile_ion_is_an_answer(job, engine):
    engine.change(word='no_mobile_ion')
    nodes = [job([structure]) for structure in 2 * [make_structure()]]
    assert [(node.exit_status, is_cached(node)) for node in nodes] == [(210, False), (210, True)]


def test_landscapes_that_were_deleted_on_the_computer_are_computed_again(job):
    structure, parameters = [make_structure()], {'landscapes': True}
    first = job(structure, parameters=parameters)
    assert is_cached(job(structure, parameters=parameters))
    for node in orm.QueryBuilder().append(orm.RemoteData).all(flat=True):
        node._clean()
    assert not is_cached(job(structure, parameters=parameters))
    assert first.exit_status == 0


@pytest.mark.parametrize('name', ['bvff', 'descriptors', 'train', 'encode'])
def test_all_exit_codes_of_the_computer_are_out_of_the_cache(name):
    codes = CalculationFactory(f'limap.{name}').exit_codes
    kept = {code.status for code in codes.values() if code.status >= 100 and not code.invalidates_cache}
    # What the inputs alone decide: no mobile ion, no answer for any structure, a rate that is too high.
    assert kept <= {210, 411, 430}


def from_cache(builder: Any) -> dict[str, list[bool]]:
    """Run a work chain, and return for each kind of job which of them came from the cache."""
    _, chain = run_get_node(builder)
    assert chain.exit_status == 0
    found: dict[str, list[bool]] = {}
    for node in sorted(chain.called_descendants, key=lambda node: node.pk):
        if isinstance(node, orm.CalcJobNode):
            found.setdefault(node.process_label.removesuffix('Calculation').lower(), []).append(is_cached(node))
    return found


def featurized(engine: SimpleNamespace, dataset: Any, **overrides: Any) -> dict[str, list[bool]]:
    inputs = {'batch_size': 2, **overrides}
    return from_cache(FeaturizeWorkChain.get_builder_from_protocol(engine.code, dataset, 'fast', inputs))


def drawn(engine: SimpleNamespace, dataset: Any, weight: float) -> dict[str, list[bool]]:
    overrides = {
        'featurize': {'batch_size': 2},
        'train': {'parameters': {'me_weight': weight}},
        'encode': {'parameters': {'grid_size': 5}},
    }
    return from_cache(MapWorkChain.get_builder_from_protocol(engine.code, dataset, 'fast', overrides))


def test_a_second_map_with_another_weight_computes_nothing_but_the_training(engine):
    structures = [make_structure(1 + number / 10) for number in range(3)]
    dataset = make_dataset(structures)
    first = drawn(engine, dataset, 0.1)
    assert first == {'bvff': [False] * 2, 'descriptors': [False] * 2, 'train': [False], 'encode': [False]}
    second = drawn(engine, dataset, 0.5)
    assert second == {'bvff': [True] * 2, 'descriptors': [True] * 2, 'train': [False], 'encode': [False]}
    # A dataset that grew at its end computes its last batch only, and another parameter set everything but descriptors.
    grown = featurized(engine, make_dataset([*structures, make_structure(2)]))
    assert grown['bvff'] == grown['descriptors'] == [True, False]
    other = featurized(engine, dataset, bvff={'bond_valence': softer().pk})
    assert (other['bvff'], other['descriptors']) == ([False] * 2, [True] * 2)


def test_every_calculation_is_linked_to_the_parameter_set_that_it_used(engine):
    dataset, node = make_dataset([make_structure(), make_structure(1.1)]), softer()
    featurized(engine, dataset, bvff={'bond_valence': 'softer'})
    featurized(engine, dataset, descriptors={'parameters': {'landscape': True, 'layout': 'modern'}})
    own = BondValenceData.get_or_create()
    assert own.is_stored

    def users(parameters: BondValenceData) -> list[str]:
        links = parameters.base.links.get_outgoing(node_class=orm.CalcJobNode).all()
        return sorted(link.node.process_label for link in links)

    assert users(node) == ['BvffCalculation']
    assert users(own) == ['BvffCalculation', 'DescriptorsCalculation']
