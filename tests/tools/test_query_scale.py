"""Questions to large maps: as many statements for many points as for few, and no node of a point is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiida import orm
from plugins_synthetic import synthetic_map
from sqlalchemy import event

from aiida_limap.data.table import TableData
from aiida_limap.tools.query import Map

QUESTIONS = {
    'point': lambda asked, name: asked.point(f'{name}-7'),
    'nearest': lambda asked, name: asked.nearest(0, 0, k=5),
    'in_region': lambda asked, name: asked.in_region(x_comp=(0, None)),
    'to_dataframe': lambda asked, name: asked.to_dataframe(),
    'provenance': lambda asked, name: asked.provenance(f'{name}-7'),
    'compare': lambda asked, name: asked.compare(asked),
}


@contextmanager
def counted(monkeypatch) -> Iterator[Counter]:
    """Count statements, and nodes of structures and tables that are made from the database."""
    from aiida.manage import get_manager

    counts: Counter = Counter()
    engine = get_manager().get_profile_storage().get_session().get_bind()

    def count(*_arguments) -> None:
        counts['statements'] += 1

    initialize = orm.Node.initialize

    def counting(self) -> None:
        counts['loaded'] += isinstance(self, (orm.StructureData, orm.CalcJobNode))
        counts['tables'] += isinstance(self, TableData)
        initialize(self)

    monkeypatch.setattr(orm.Node, 'initialize', counting)
    event.listen(engine, 'before_cursor_execute', count)
    yield counts
    event.remove(engine, 'before_cursor_execute', count)
    monkeypatch.undo()


@pytest.fixture(scope='module')
def maps() -> dict[str, str]:
    """Return the UUIDs of a map of 20 points in 4 jobs, and of one of 600 points in 120 jobs."""
    sizes = {'few': 20, 'many': 600}
    return {name: synthetic_map(size, batch_size=5, name=name).map.uuid for name, size in sizes.items()}


@pytest.mark.parametrize('question', QUESTIONS)
def test_many_points_take_as_many_statements_as_few(maps, monkeypatch, question):
    seen = {}
    for name, uuid in maps.items():
        asked = Map(uuid)
        with counted(monkeypatch) as counts:
            QUESTIONS[question](asked, name)
        seen[name] = dict(counts)
    assert seen['many']['statements'] == seen['few']['statements'] > 0
    # The encoding, and what the map shares; not one per point or batch.
    assert seen['many'].get('loaded', 0) == seen['few'].get('loaded', 0) < 20
    assert seen['many'].get('tables', 0) == seen['few'].get('tables', 0) < 20


def test_each_point_has_the_jobs_of_its_batch():
    made = synthetic_map(23, batch_size=5, name='batches')
    asked = Map(made.map)
    frame = asked.to_dataframe()
    assert frame['migration_energy_job'].tolist() == made.jobs['migration_energies']
    assert frame['descriptors_job'].tolist() == made.jobs['descriptors']
    assert frame['source_id'].tolist() == [f'batches-{row}' for row in range(23)]
    way = {step.uuid for step in asked.provenance('batches-17').steps}
    assert {made.jobs['migration_energies'][17], made.jobs['descriptors'][17], made.dataset.uuid} <= way
    assert made.jobs['descriptors'][3] not in way


def test_a_job_that_left_rows_out_does_not_count_for_them():
    made = synthetic_map(10, batch_size=5, name='unfinished')
    job = orm.load_node(made.jobs['migration_energies'][0])
    (link,) = job.base.links.get_outgoing().all()
    # The table of the first batch held three rows only.
    kept = TableData.from_arrays(made.uuids[:3], {'status': ['ok'] * 3}).store()
    function = link.node.base.links.get_outgoing().one().node
    from plugins_synthetic import _insert_links, _insert_nodes, _process

    (other,) = _insert_nodes([_process('process.calculation.calcjob.CalcJobNode.', 'BvffCalculation')])
    structures = [orm.load_node(uuid) for uuid in made.uuids[:5]]
    _insert_links([(node.pk, other, 'input_calc', f'structures__{number}') for number, node in enumerate(structures)])
    _insert_links([(other, kept.pk, 'create', 'table'), (kept.pk, function.pk, 'input_calc', 'table_later')])
    jobs = Map(made.map).to_dataframe()['migration_energy_job'].tolist()
    assert jobs[:3] == [orm.load_node(other).uuid] * 3
    assert jobs[3:5] == [job.uuid] * 2
