"""``limap.bond_valence``: a set of bond-valence parameters, as the one file that the engines read."""

from __future__ import annotations

import hashlib
import io
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

from aiida.common.exceptions import ValidationError
from aiida.orm import QueryBuilder, SinglefileData
from aiida.orm.nodes.caching import NodeCaching

from aiida_limap.formats.parameters import (
    PARAMETERS_FILE,
    ParameterDocument,
    embedded_parameters,
    parse_parameters,
)

__all__ = ['BondValenceData']

#: What a person may say of a set otherwise than its file does.
_WORDS = ('name', 'version', 'citation', 'licence')


class _ByContent(NodeCaching):
    """Two sets with the same file give the same results, whatever they are called."""

    def get_objects_to_hash(self) -> dict[str, Any]:
        """Return what decides the results: the file."""
        return {'class': str(self._node.__class__), 'checksum': self._node.checksum}


class BondValenceData(SinglefileData):
    """A set of bond-valence parameters: Morse rows of pairs of ions, radii and presets of the force field.

    The file is YAML in the format of :mod:`aiida_limap.formats.parameters`; it goes to the computer with every job that
    has the node as its input ``bond_valence``. Attributes (queryable): ``name``, ``version``, ``citation``,
    ``licence``, ``checksum`` (SHA-256 of the file), ``md5``, ``number_of_pairs``, ``number_of_derived_pairs``,
    ``presets``, ``cations`` and ``anions`` (ions with published rows: each may be the mobile ion) and
    ``radii`` (number of ions in the softBV set).

    :param file: path of a parameter file, its content, or a binary stream.
    :param filename: name of the file in the repository; ``bond_valence.yaml`` unless given.
    :param name: short name, in place of that in the file; one of the two is needed.
    :param version: version of the set, in place of that in the file.
    :param citation: where the numbers were published, in place of what the file says.
    :param licence: licence of the numbers, in place of what the file says.
    :raises ValueError: if the file is no usable parameter file; the message says what is wrong in which line.
    """

    DEFAULT_FILENAME = PARAMETERS_FILE
    _CLS_NODE_CACHING = _ByContent

    def __init__(self, file: str | Path | bytes | IO | None = None, filename: str | None = None, **kwargs: Any) -> None:
        words = {key: kwargs.pop(key) for key in _WORDS if key in kwargs}
        super().__init__(file=file, filename=filename, **kwargs)
        given = {key: value for key, value in words.items() if value is not None}
        if file is not None:
            self._set_words(given)
        elif given:
            raise ValueError(f'a parameter set needs a file; {", ".join(given)} alone says nothing')

    @classmethod
    def get_or_create(
        cls, source: str | Path | bytes | IO | None = None, filename: str | None = None, **words: str | None
    ) -> BondValenceData:
        """Return the stored node with the same file, or a new one.

        :param source: path of a parameter file, its content, or a binary stream; None for the set of the package.
        :param filename: name of the file in the repository, for a new node.
        :param words: ``name``, ``version``, ``citation`` or ``licence`` in place of what the file says. A stored node
            counts only if it says the same.
        :returns: the node with the lowest pk if there are several; not yet stored if it is new.
        :raises ValueError: if the file is no usable parameter file.
        """
        content = embedded_parameters() if source is None else _content_of(source)
        given = {key: value for key, value in words.items() if value is not None}
        filters = {f'attributes.{key}': value for key, value in given.items()}
        filters['attributes.checksum'] = hashlib.sha256(content).hexdigest()
        query = QueryBuilder().append(cls, filters=filters, subclassing=False, tag='set')
        found = query.order_by({'set': {'id': 'asc'}}).first(flat=True)
        return found or cls(content, filename or _name_of(source), **given)

    @classmethod
    def find(cls, identifier: str | int) -> BondValenceData:
        """Return a stored set.

        :param identifier: its pk, its UUID, its name, or name and version, as in ``softbv 2019-1``.
        :returns: the node.
        :raises ValueError: if there is none, or sets with different files have that name.
        """
        word = str(identifier).strip()
        known = {node.pk: node for node in QueryBuilder().append(cls, subclassing=False).all(flat=True)}
        if word.isdigit() and int(word) in known:
            return known[int(word)]
        same = [node for node in known.values() if word in {node.uuid, node.name, node.title}]
        if not same:
            names = ', '.join(f'{node.title} (pk {pk})' for pk, node in sorted(known.items())) or 'none yet'
            raise ValueError(
                f'there is no set of bond-valence parameters {word!r}; there are: {names}. '
                '`aiida-limap install parameters FILE` adds one'
            )
        if len({node.checksum for node in same}) > 1:
            pks = ', '.join(str(node.pk) for node in same)
            raise ValueError(f'several sets of bond-valence parameters are called {word!r}; name one by its pk: {pks}')
        return min(same, key=lambda node: node.pk)

    def set_file(self, file: str | Path | bytes | IO, filename: str | Path | None = None) -> None:
        """Take over a parameter file.

        :param file: path of a parameter file, its content, or a binary stream.
        :param filename: name of the file in the repository; ``bond_valence.yaml`` unless given.
        :raises ValueError: if it is no usable parameter file.
        """
        content = _content_of(file)
        name = str(filename or _name_of(file) or PARAMETERS_FILE)
        document = parse_parameters(content, name)
        super().set_file(io.BytesIO(content), filename=name)
        self.base.attributes.set_many(_attributes_of(document, content))

    def _set_words(self, given: dict[str, str]) -> None:
        self.base.attributes.set_many(given)
        if not self.name:
            raise ValueError(f'{self.filename}: the file does not name its set; give a name')

    def _validate(self) -> None:
        super()._validate()
        try:
            content = self.get_content(mode='rb')
            expected = _attributes_of(parse_parameters(content, self.filename), content)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        for key, value in expected.items():
            if key not in _WORDS and self.base.attributes.get(key, None) != value:
                raise ValidationError(f'the attribute {key!r} of the parameter set differs from what its file says')
        for key in ('name', 'citation'):
            if not isinstance(self.base.attributes.get(key, None), str) or not self.base.attributes.get(key).strip():
                raise ValidationError(f'a parameter set needs a {key}')

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {self.name} (pk: {self.pk})>'

    def get_description(self) -> str:
        """Return one line for lists of nodes."""
        return f'{self.title}: {self.number_of_pairs} pairs'

    @property
    def document(self) -> ParameterDocument:
        """The content of the file, checked."""
        return parse_parameters(self.get_content(mode='rb'), self.filename)

    @property
    def name(self) -> str:
        """Short name of the set."""
        return str(self.base.attributes.get('name', None) or '')

    @property
    def version(self) -> str | None:
        """Version of the set, or None."""
        return self.base.attributes.get('version', None)

    @property
    def title(self) -> str:
        """Name and version."""
        return self.name if self.version is None else f'{self.name} {self.version}'

    @property
    def citation(self) -> str:
        """Where the numbers were published."""
        return str(self.base.attributes.get('citation', ''))

    @property
    def licence(self) -> str | None:
        """Under which licence the numbers are passed on, or None where nobody says."""
        return self.base.attributes.get('licence', None)

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, which the results of every job that used it record too."""
        return str(self.base.attributes.get('checksum', ''))

    @property
    def md5(self) -> str:
        """MD5 of the file."""
        return str(self.base.attributes.get('md5', ''))

    @property
    def number_of_pairs(self) -> int:
        """Pairs of ions that have a row, derived ones among them."""
        return int(self.base.attributes.get('number_of_pairs', 0))

    @property
    def presets(self) -> list[str]:
        """Conventions of the force field that the set knows."""
        return list(self.base.attributes.get('presets', []))

    @property
    def cations(self) -> list[str]:
        """Cations with a published row."""
        return list(self.base.attributes.get('cations', []))

    @property
    def anions(self) -> list[str]:
        """Anions with a published row."""
        return list(self.base.attributes.get('anions', []))

    def check(self, preset: str | None = None, mobile_ion: str | None = None) -> str | None:
        """Return why the set cannot serve a calculation, or None.

        :param preset: the convention that is asked for.
        :param mobile_ion: the ion that moves.
        :returns: a sentence or None.
        """
        if preset is not None and preset not in self.presets:
            return f'the parameter set {self.name!r} has no preset {preset!r}; it has {", ".join(self.presets)}'
        if mobile_ion is not None and mobile_ion not in {*self.cations, *self.anions}:
            close = get_close_matches(mobile_ion, [*self.cations, *self.anions], n=1)
            hint = f' (did you mean {close[0]!r}?)' if close else ''
            return (
                f'the parameter set {self.name!r} has no rows of the mobile ion {mobile_ion!r}{hint}; '
                f'`verdi data core.singlefile content {self.pk}` shows what it has'
            )
        return None


def _attributes_of(document: ParameterDocument, content: bytes) -> dict[str, Any]:
    words = {key: getattr(document, key) for key in _WORDS}
    return {
        **{key: value for key, value in words.items() if value is not None},
        'checksum': document.checksum,
        'md5': hashlib.md5(content, usedforsecurity=False).hexdigest(),
        'number_of_pairs': len(document.rows),
        'number_of_derived_pairs': len(document.rows) - len(document.published),
        'presets': list(document.presets),
        'cations': list(document.cations),
        'anions': list(document.anions),
        'radii': len(document.radii),
    }


def _content_of(source: str | Path | bytes | IO) -> bytes:
    """Return the bytes of a file.

    :raises ValueError: if it cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, Path)):
        try:
            return Path(source).read_bytes()
        except OSError as error:
            raise ValueError(f'the parameter file {source} cannot be read: {error.strerror}') from error
    content = source.read()
    return content.encode() if isinstance(content, str) else content


def _name_of(source: Any) -> str | None:
    """Return the name of a file where it has one."""
    if isinstance(source, (str, Path)):
        return Path(source).name
    named = getattr(source, 'name', None)
    return Path(named).name if isinstance(named, str) else None
