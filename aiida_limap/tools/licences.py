"""What the licences of sources allow, as far as their names tell: may data be passed on, may they be sold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ['ASK', 'NO', 'NOT_STATED', 'YES', 'Terms', 'licence_terms', 'warnings_about']

#: The name of a licence that nobody stated.
NOT_STATED = 'not stated'
YES, NO, ASK = 'yes', 'no', 'ask the owner'

_CLOSED = re.compile(r'proprietary|all rights reserved|confidential|no redistribution|not for redistribution|\bicsd\b')
_CREATIVE = re.compile(r'(?:cc[ -]|creativecommons\.org/licenses/)(by(?:-(?:nc|sa|nd))*)')
_PUBLIC = re.compile(r'cc[ -]?0|publicdomain/zero|public[ -]domain|\bpddl\b|unlicense')
_OPEN = re.compile(r'\b(?:mit|bsd|apache|isc|gpl|lgpl|agpl|odc-by|odbl|etalab|mpl)\b')


@dataclass(frozen=True)
class Terms:
    """What a licence allows.

    :param licence: its name, as the source gives it.
    :param redistribution: whether the data may be passed on: ``yes``, ``no`` or ``ask the owner``.
    :param commercial: the same of commercial use.
    :param condition: what it asks for, one clause; empty where it asks for nothing.
    """

    licence: str
    redistribution: str
    commercial: str
    condition: str


def licence_terms(name: str | None) -> Terms:
    """Read the terms of a licence from its name.

    The families of Creative Commons, the usual open licences and the words that close a source are known; all others
    are answered with ``ask the owner``. Of several that a source leaves to choose from (``A OR B``) the freest counts.
    This helps to notice a restriction, and is no legal advice.

    :param name: SPDX identifier, address of a text, or words; None or empty where none is stated.
    :returns: the terms.
    """
    text = ' '.join((name or '').split())
    if not text or text == NOT_STATED:
        return Terms(NOT_STATED, ASK, ASK, 'the source states no licence')
    choices = [_single(choice) for choice in re.split(r'\s+OR\s+', text)]
    freest = min(choices, key=lambda terms: (_ORDER[terms.redistribution], _ORDER[terms.commercial]))
    return Terms(text, freest.redistribution, freest.commercial, freest.condition)


_ORDER = {YES: 0, ASK: 1, NO: 2}


def _single(name: str) -> Terms:
    text = name.lower().replace('_', '-')
    if _CLOSED.search(text):
        return Terms(name, NO, NO, 'only its owner may pass it on')
    creative = _CREATIVE.search(text)
    if creative:
        parts = set(creative[1].split('-'))
        asks = ['name the source']
        if 'sa' in parts:
            asks.append('pass on under the same licence')
        if 'nd' in parts:
            asks.append('pass on unchanged only, so nothing that was changed or derived')
        if 'nc' in parts:
            asks.append('no commercial use')
        return Terms(name, NO if 'nd' in parts else YES, NO if 'nc' in parts else YES, ', '.join(asks))
    if _PUBLIC.search(text):
        return Terms(name, YES, YES, '')
    if _OPEN.search(text):
        return Terms(name, YES, YES, 'keep its notice with the data')
    return Terms(name, ASK, ASK, 'this program does not know the licence')


def warnings_about(counts: Iterable[tuple[str, str, int]]) -> list[str]:
    """Say which data may not be passed on or used freely.

    :param counts: for each source and licence the name of the source, the name of the licence, and the number of
        structures.
    :returns: one sentence per source and licence that forbids something or leaves it open.
    """
    sentences = []
    for source, licence, count in counts:
        terms = licence_terms(licence)
        what = f'{count} structure{"s" if count != 1 else ""} of {source or "an unnamed source"}'
        if terms.redistribution == NO:
            sentences.append(f'{what}: the licence {licence} forbids to pass them on ({terms.condition})')
        elif terms.commercial == NO:
            sentences.append(f'{what}: the licence {licence} forbids commercial use; say so wherever you share them')
        elif terms.licence == NOT_STATED:
            sentences.append(f'{what}: no licence is stated; ask the owner before you publish them')
        elif terms.redistribution == ASK:
            sentences.append(f'{what}: the terms of the licence {licence!r} are not known here; read them first')
    return sentences
