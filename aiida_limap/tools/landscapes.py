"""Energy landscapes of calculation jobs: which there are, where they lie, and their content."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from aiida_limap.tools.query import QueryError
from aiida_limap.tools.structures import find_structure

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.formats.landscape import LandscapeRecord

__all__ = ['StoredLandscape', 'find_landscape', 'list_landscapes', 'load_landscape', 'mobile_element']

_COLUMN = 'landscape'
_FILTERS = {'attributes.process_label': 'BvffCalculation'}
_HOW = 'submit the structure with the parameter landscapes (`aiida-limap launch bvff --landscapes`)'


@dataclass(frozen=True)
class StoredLandscape:
    """The landscape of one structure, as a job left it.

    :param job_pk: the calculation job.
    :param structure_uuid: UUID of the structure.
    :param name: path of its file in the folder of the job.
    :param place: ``retrieved``, ``remote`` (it stayed on the computer), or ``cleaned`` (it was deleted there).
    """

    job_pk: int
    structure_uuid: str
    name: str
    place: str


def list_landscapes(job: orm.CalcJobNode | None = None) -> list[StoredLandscape]:
    """Return the landscapes of a job, or of all jobs, newest job first.

    :param job: a calculation job of migration energies; None for all that were asked for landscapes.
    :returns: one entry per structure with a landscape.
    """
    from aiida import orm

    if job is not None:
        return _of_job(job)
    query = orm.QueryBuilder().append(orm.Dict, filters={'attributes.landscapes': True}, tag='parameters')
    query.append(
        orm.CalcJobNode,
        with_incoming='parameters',
        filters=_FILTERS,
        project='id',
        tag='job',
    )
    query.order_by({'job': {'ctime': 'desc'}})
    # Loaded one by one, since many live nodes slow down every operation on the database.
    return [entry for pk in query.all(flat=True) for entry in _of_job(orm.load_node(pk))]


def find_landscape(identifier: str, job: orm.CalcJobNode | None = None) -> StoredLandscape:
    """Return the landscape that a person means.

    :param identifier: a structure (pk, UUID, id of its source), or the pk or UUID of a job with a single landscape.
    :param job: look at this job only; else the newest job with a landscape of the structure is taken.
    :returns: where it is.
    :raises QueryError: if there is none, or the job has more than one.
    """
    if job is None:
        asked = _as_job(identifier)
        if asked is not None:
            return _only_one(asked)
    structure = find_structure(identifier)
    jobs = [job] if job is not None else _jobs_of(structure)
    for candidate in jobs:
        for entry in _of_job(candidate, structure.uuid):
            return entry
    where = f'job {job.pk} has' if job is not None else 'there is'
    raise QueryError(f'{where} no landscape of structure {identifier}: {_why(jobs, structure.uuid)}')


def load_landscape(entry: StoredLandscape) -> LandscapeRecord:
    """Read a landscape, fetched from its computer if it stayed there.

    :param entry: where it is.
    :returns: its content.
    :raises QueryError: if the file is gone or cannot be fetched.
    :raises FormatError: if the file is damaged.
    """
    from aiida import orm

    from aiida_limap.formats.landscape import read_landscape

    job = orm.load_node(entry.job_pk)
    if entry.place == 'cleaned':
        raise QueryError(
            f'the landscape of structure {entry.structure_uuid} is gone: the remote folder of job {job.pk} was cleaned'
            '; submit the structure again, with `--retrieve-landscapes` to keep it'
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(entry.name).name
        if entry.place == 'retrieved':
            path.write_bytes(job.outputs.retrieved.base.repository.get_object_content(entry.name, mode='rb'))
        else:
            _fetch(job, entry, path)
        return read_landscape(path)


def mobile_element(entry: StoredLandscape) -> str:
    """Return the symbol of the element that moves in a landscape.

    :param entry: the landscape.
    """
    from aiida import orm

    ion = str(orm.load_node(entry.job_pk).outputs.table.metadata.get('mobile_ion', 'Li+'))
    return ion.rstrip('+-0123456789')


def _fetch(job: orm.CalcJobNode, entry: StoredLandscape, path: Path) -> None:
    computer, remote = job.computer.label, job.outputs.remote_folder
    source = str(PurePosixPath(remote.get_remote_path()) / entry.name)
    try:
        with remote.get_authinfo().get_transport() as transport:
            # Asked first, since each transport has an error of its own for a file that is missing.
            is_there = transport.path_exists(source)
            if is_there:
                transport.getfile(source, str(path))
    except Exception as error:
        # What transports raise when they cannot connect shares no class.
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise QueryError(
            f'the landscape of structure {entry.structure_uuid} lies on computer {computer}, from where it cannot be '
            f'fetched: {reason}; `verdi computer test {computer}` says more'
        ) from error
    if not is_there:
        raise QueryError(
            f'the landscape of structure {entry.structure_uuid} is gone: {entry.name} is no longer in the folder of '
            f'job {job.pk} on computer {computer}; submit the structure again, with `--retrieve-landscapes` to keep it'
        )


def _of_job(job: orm.CalcJobNode, uuid: str | None = None) -> list[StoredLandscape]:
    """Return the landscapes of a job, or only that of one structure."""
    if 'table' not in job.outputs:
        return []
    table = job.outputs.table
    if _COLUMN not in table.column_names:
        return []
    cells = zip(table.ids, table.column(_COLUMN).tolist(), strict=True)
    # A column in which no row has a name holds numbers that are none.
    names = {row: cell for row, cell in cells if isinstance(cell, str) and cell}
    wanted = names if uuid is None else {uuid: names[uuid]} if uuid in names else {}
    return [StoredLandscape(job.pk, row, name, _place(job, name)) for row, name in wanted.items()]


def _place(job: orm.CalcJobNode, name: str) -> str:
    folder, file = str(Path(name).parent), Path(name).name
    repository = job.outputs.retrieved.base.repository
    if folder in repository.list_object_names() and file in repository.list_object_names(folder):
        return 'retrieved'
    return 'cleaned' if job.outputs.remote_folder.is_cleaned else 'remote'


def _as_job(identifier: str) -> orm.CalcJobNode | None:
    """Return the job that the identifier names, or None if it names none."""
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        node = orm.load_node(int(identifier) if identifier.isdecimal() else identifier)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError):
        return None
    return node if isinstance(node, orm.CalcJobNode) else None


def _only_one(job: orm.CalcJobNode) -> StoredLandscape:
    entries = _of_job(job)
    if not entries:
        raise QueryError(f'job {job.pk} left no landscape: {_why([job])}')
    if len(entries) > 1:
        raise QueryError(
            f'job {job.pk} left {len(entries)} landscapes: name a structure; '
            f'`verdi data limap landscape list {job.pk}` lists them'
        )
    return entries[0]


def _jobs_of(structure: orm.StructureData) -> list[orm.CalcJobNode]:
    """Return the jobs of migration energies that took a structure, newest first."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.StructureData, filters={'uuid': structure.uuid}, tag='structure')
    query.append(orm.CalcJobNode, with_incoming='structure', filters=_FILTERS, tag='job', project='*')
    return query.order_by({'job': {'ctime': 'desc'}}).all(flat=True)


def _why(jobs: list[orm.CalcJobNode], uuid: str | None = None) -> str:
    """Return the reason why none of the jobs has a landscape."""
    asked = [job for job in jobs if 'parameters' in job.inputs and job.inputs.parameters.get_dict().get('landscapes')]
    if not asked:
        return f'none was asked for; {_HOW}'
    job = asked[0]
    if not job.is_terminated:
        return f'job {job.pk} is not finished yet'
    if uuid is not None and 'table' in job.outputs and uuid in job.outputs.table.ids:
        row = job.outputs.table.row(uuid)
        return f'job {job.pk} gave it the status {row["status"]}' + (f' ({row["message"]})' if row['message'] else '')
    return f'job {job.pk} did not write any; `verdi calcjob outputcat {job.pk} limap.log` may say why'
