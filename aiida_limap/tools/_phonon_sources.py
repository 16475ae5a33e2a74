"""Whose phonons a table of phonon quantities was computed from, their licences, and what to cite for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_limap.common.phonon_sources import PHONON_SOURCE_CITATIONS

if TYPE_CHECKING:
    from aiida_limap.tools.phonons import PhononClusters

__all__ = ['phonon_sources']

_JOB = 'PhononsCalculation'
#: Input namespaces of the jobs: phonon files, and structures whose phonons are computed.
_FILES, _STRUCTURES = 'phonons', 'structures'


def phonon_sources(found: PhononClusters) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return where the phonons of a work chain come from.

    :param found: the work chain and its tables.
    :returns: one sentence for each source, the largest first; and what to cite for them, in words.
    """
    counts: Counter[str] = Counter()
    citations: dict[str, None] = {}
    files = dict(_inputs(found, _FILES))
    for source in files.values():
        counts[_sentence(source)] += 1
        extras = source.get('extras') or {}
        texts = [str(extras[key]) for key in ('citation', 'doi') if extras.get(key)]
        citations.update(dict.fromkeys((*texts, *PHONON_SOURCE_CITATIONS.get(str(source.get('db_name')), ()))))
    computed = {key for key, _source in _inputs(found, _STRUCTURES)} - set(files)
    if computed:
        name = _calculator(found)
        counts[f'computed with {name}'] += len(computed)
        citations.update(dict.fromkeys(PHONON_SOURCE_CITATIONS.get(name, ())))
    sentences = tuple(
        f'Phonons of {count} compound{"s" if count > 1 else ""}: {text}.' for text, count in counts.most_common()
    )
    return sentences, tuple(citations)


def _sentence(source: Mapping[str, Any]) -> str:
    name = str(source.get('db_name') or 'files of phonopy')
    version = f' ({source["version"]})' if source.get('version') else ''
    return f'{name}{version}, {source.get("license") or "licence not stated"}'


def _calculator(found: PhononClusters) -> str:
    options = found.phonons.metadata.get('options')
    chosen = options.get('calculator') if isinstance(options, Mapping) else None
    return str((chosen or {}).get('name') or 'a calculator')


def _inputs(found: PhononClusters, namespace: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the key of each compound of the jobs, and the source of its node; without loading the nodes."""
    from aiida import orm

    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={'uuid': found.chain.uuid}, tag='chain')
    query.append(orm.CalcJobNode, with_incoming='chain', filters={'attributes.process_label': _JOB}, tag='job')
    query.append(
        orm.Data,
        with_outgoing='job',
        edge_filters={'label': {'like': rf'{namespace}\_\_%'}},
        edge_project='label',
        project='attributes.source',
    )
    for source, label in query.iterall():
        yield str(label).removeprefix(f'{namespace}__'), source or {}
