"""Fixtures of the work chain tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from plugins_aiida import stand_in_code

__all__ = ['check_snapshot', 'stand_in_code']

SNAPSHOTS = Path(__file__).parent / 'snapshots'


def plain(value: Any) -> Any:
    """Return inputs of a builder as plain values; of nodes that the user gives only the class."""
    from aiida import orm

    if isinstance(value, Mapping):
        # The key of a structure is its UUID, another one in every run.
        entries = {('structure' if isinstance(v, orm.StructureData) else k): plain(v) for k, v in value.items()}
        return {key: entry for key, entry in sorted(entries.items()) if entry != {}}
    if isinstance(value, orm.Dict):
        return {'Dict': value.get_dict()}
    if isinstance(value, (orm.Int, orm.Float, orm.Bool, orm.Str)):
        return {type(value).__name__: value.value}
    return f'a {type(value).__name__}' if isinstance(value, orm.Node) else value


@pytest.fixture
def check_snapshot() -> Callable[[Any, str, str], None]:
    """Return a function that compares the inputs of a builder with a stored file, or renews it."""

    def check(builder: Any, name: str, protocol: str) -> None:
        found = plain(builder._inputs(prune=True))
        path = SNAPSHOTS / f'{name}.{protocol}.yaml'
        if os.environ.get('LIMAP_RENEW_SNAPSHOTS'):
            path.write_text(yaml.safe_dump(found, sort_keys=True, allow_unicode=True))
        assert found == yaml.safe_load(path.read_text()), f'renew {path.name} if this is meant, see test_snapshots.py'

    return check
