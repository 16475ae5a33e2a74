"""What the names of licences tell, and what is said about those that forbid something."""

from __future__ import annotations

import pytest

from aiida_limap.tools.licences import ASK, NO, NOT_STATED, YES, licence_terms, warnings_about


@pytest.mark.parametrize(
    ('name', 'redistribution', 'commercial'),
    [
        ('MIT', YES, YES),
        ('CC0-1.0', YES, YES),
        ('CC-BY-4.0', YES, YES),
        ('cc-by-sa-4.0', YES, YES),
        ('CC BY 4.0', YES, YES),
        ('https://creativecommons.org/licenses/by/4.0/legalcode', YES, YES),
        ('https://creativecommons.org/publicdomain/zero/1.0/', YES, YES),
        ('CC-BY-NC-4.0', YES, NO),
        ('https://creativecommons.org/licenses/by-nc-sa/4.0/', YES, NO),
        ('CC-BY-NC-ND-4.0', NO, NO),
        ('CC-BY-ND-4.0', NO, YES),
        ('ICSD licence', NO, NO),
        ('All rights reserved', NO, NO),
        ('ODbL-1.0', YES, YES),
        ('permit of my employer', ASK, ASK),
        ('', ASK, ASK),
        (None, ASK, ASK),
        ('not stated', ASK, ASK),
        # A source leaves the choice.
        ('CC-BY-NC-4.0 OR CC-BY-4.0', YES, YES),
    ],
)
def test_a_licence_is_read_from_its_name(name, redistribution, commercial):
    terms = licence_terms(name)
    assert (terms.redistribution, terms.commercial) == (redistribution, commercial)
    assert terms.licence == (name or NOT_STATED)


def test_conditions_are_told():
    assert licence_terms('CC-BY-NC-SA-4.0').condition == (
        'name the source, pass on under the same licence, no commercial use'
    )
    assert licence_terms('CC0-1.0').condition == ''


def test_only_what_restricts_or_is_open_is_warned_about():
    counts = [
        ('A', 'CC-BY-4.0', 5),
        ('B', 'CC-BY-NC-4.0', 2),
        ('C', 'CC-BY-ND-4.0', 1),
        ('', NOT_STATED, 3),
        ('D', 'house rules', 4),
    ]
    commercial, derived, unstated, unknown = warnings_about(counts)
    assert commercial.startswith('2 structures of B: the licence CC-BY-NC-4.0 forbids commercial use')
    assert derived.startswith('1 structure of C: the licence CC-BY-ND-4.0 forbids to pass them on')
    assert unstated.startswith('3 structures of an unnamed source: no licence is stated')
    assert "the licence 'house rules' are not known here" in unknown
