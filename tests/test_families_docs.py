"""The page on structure families names every family, prototype and network of the library."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from aiida_limap.engines.chemistry import families
from aiida_limap.engines.chemistry.family_references import networks
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.tools.families import EXTRA, MOST_AT_ONCE

DOCS = Path(__file__).parents[1] / 'docs'


def test_the_tables_hold_everything():
    spec = importlib.util.spec_from_file_location('family_tables', DOCS / 'family_tables.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.families_text()
    for prototype in load_prototypes():
        assert f'| {prototype.family} | {prototype.formula} (`{prototype.name}`) |' in text
        assert prototype.citation in text
    for network in networks():
        assert f'| {network.name} | {network.family}' in text


def test_the_page_states_the_numbers_of_the_code():
    text = ' '.join((DOCS / 'topics' / 'families.md').read_text(encoding='utf-8').split())
    most = families.MOST_RMS
    assert f'must not exceed {most[families.WHOLE]:g}' in text
    assert f'the limit is {most[families.FRAMEWORK]:g}' in text
    assert f'(lengths {families.LENGTH_TOLERANCE:g}, sites {families.SITE_TOLERANCE:g}' in text
    assert f'up to {families.RATIOS[0]:g} times the shortest' in text
    assert f'at most {MOST_AT_ONCE} structures' in text
    assert f'`{EXTRA}`' in text
    (angle,) = (network.mean_angle[0] for network in networks() if network.name == 'perovskite')
    assert f'at least {angle:g} degree makes a perovskite' in text
