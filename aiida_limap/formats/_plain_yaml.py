"""YAML of plain values, in which a key that stands twice is an error."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

from aiida_limap.formats._files import FormatError

__all__ = ['read_plain_yaml']

# The loader in C is ten times faster, but not every build of yaml has it.
_Base: type[yaml.SafeLoader] = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc, valid-type]
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that stand twice, of which YAML takes the last one."""
        words = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for word, count in words.items():
            if count > 1:
                raise yaml.constructor.ConstructorError(None, None, f'the key {word!r} stands twice', node.start_mark)
        return super().construct_mapping(node, deep)


def read_plain_yaml(content: bytes, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Read a YAML document whose top level is a mapping.

    :param content: the document in UTF-8.
    :param name: what the file is called in messages.
    :returns: the document, and for each key at the top whose value is a block of lines (``key: |``) the number of its
        first line in the file.
    :raises FormatError: if it is not UTF-8, not YAML, a key stands twice, or there is no mapping at the top.
    """
    try:
        text = content.decode('utf-8')
    except UnicodeDecodeError as error:
        raise FormatError(f'{name}: not a text file in UTF-8: {error}') from error
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        document = None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        # The message of the parser runs over several lines; an error is one sentence.
        raise FormatError(f'{name}: not a YAML file: {" ".join(str(error).split())}') from error
    except RecursionError as error:
        raise FormatError(f'{name}: not a usable YAML file: a value holds itself') from error
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(document, dict):
        raise FormatError(f'{name}: expected keys with values at the top, found {type(document).__name__}')
    return document, {
        str(key.value): value.start_mark.line + 2
        for key, value in root.value
        if isinstance(value, yaml.ScalarNode) and value.style == '|'
    }
