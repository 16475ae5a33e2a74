"""What to cite for a shared map as CITATION.cff, which repositories and reference managers read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from aiida_limap.data.map import MapData

__all__ = ['citation_file']

_ENTRY = re.compile(r'@(\w+)\{([^,]+),')
_FIELD = re.compile(r'(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}')
_TYPES = {'article': 'article', 'software': 'software', 'inproceedings': 'conference-paper', 'book': 'book'}
_ESCAPED = re.compile(r'\\([&%$#_{}])')
#: Fields that both formats have by the same name.
_SAME = ('journal', 'volume', 'doi', 'version')
#: Accents of BibTeX and the characters that combine to them.
_ACCENTS = {"'": '\u0301', '`': '\u0300', '"': '\u0308', '^': '\u0302', '~': '\u0303'}
_ACCENTED = re.compile(r'\\([\'`"^~])\{?(\w)\}?')
#: In place of authors, which the format asks for, where a work is given in words.
_IN_WORDS = 'named in the title'


def citation_file(map_node: MapData, title: str, entries: Iterable[str]) -> str:
    """Return CITATION.cff of a map: the map as a data set, and the works that it rests on as its references.

    :param map_node: the stored map; its user is the author.
    :param title: title of the map.
    :param entries: the works, as BibTeX.
    :returns: the text.
    """
    user = map_node.user
    name = ' '.join(part for part in (user.first_name, user.last_name) if part) or user.institution
    document = {
        'cff-version': '1.2.0',
        'message': 'If you use this map, please cite it and the works that it rests on.',
        'type': 'dataset',
        'title': title,
        'authors': [{'name': name or 'The author of this map'}],
        'date-released': map_node.ctime.date().isoformat(),
        'identifiers': [{'type': 'other', 'value': map_node.uuid, 'description': 'UUID of the map in AiiDA'}],
        'references': [_reference(entry) for entry in entries],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _reference(entry: str) -> dict[str, Any]:
    match = _ENTRY.match(entry.strip())
    kind, key = ('misc', 'unnamed') if match is None else match.groups()
    fields = {name.lower(): _plain(text) for name, text in _FIELD.findall(entry)}
    found: dict[str, Any] = {
        'type': _TYPES.get(kind.lower(), 'generic'),
        'title': fields.get('title') or fields.get('note') or _place(fields) or key,
        'authors': _authors(fields.get('author', '')),
    }
    found |= {name: fields[name] for name in _SAME if fields.get(name)}
    if fields.get('pages'):
        found['start'], _, end = fields['pages'].partition('--')
        found |= {'end': end} if end else {}
    if fields.get('year', '').isdigit():
        found['year'] = int(fields['year'])
    if fields.get('url'):
        found['url'] = fields['url']
    return found


def _place(fields: Mapping[str, str]) -> str:
    """Return where a work was published, which stands for a title that is not given."""
    words = [' '.join(filter(None, (fields.get('journal'), fields.get('volume')))), fields.get('pages', '')]
    place = ', '.join(filter(None, words))
    return f'{place} ({fields["year"]})' if place and 'year' in fields else place


def _plain(text: str) -> str:
    """Return the words of a field without the braces and escapes of BibTeX."""
    text = _ACCENTED.sub(lambda match: unicodedata.normalize('NFC', match[2] + _ACCENTS[match[1]]), text)
    return ' '.join(_ESCAPED.sub(r'\1', re.sub(r'(?<!\\)[{}]', '', text)).split())


def _authors(text: str) -> list[dict[str, str]]:
    people = []
    for person in (part.strip() for part in text.split(' and ')):
        family, comma, given = person.partition(', ')
        if comma:
            people.append({'family-names': family, 'given-names': given})
        elif person and person != 'others':
            people.append({'name': person})
    return people or [{'name': _IN_WORDS}]
