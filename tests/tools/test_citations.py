"""What to cite, as BibTeX."""

from __future__ import annotations

import pytest

from aiida_limap.engines.descriptors.layout import load_layout
from aiida_limap.formats.parameters import embedded_parameters, parse_parameters
from aiida_limap.tools.citations import (
    bibtex_of_text,
    data_citations,
    force_field_citations,
    layout_citations,
    program_citations,
    unique_entries,
)


def _keys(entries):
    return [entry[entry.index('{') + 1 : entry.index(',')] for entry in entries]


def test_the_set_of_the_package_has_an_entry_for_each_publication():
    citation = parse_parameters(embedded_parameters()).citation
    entries = force_field_citations(citation)
    assert _keys(entries) == ['chen2017', 'chen2019', 'adams2011']
    for entry in entries:
        doi = entry.split('doi = {')[1].split('}')[0]
        assert doi in citation


def test_words_without_a_known_doi_stay_as_they_are():
    entry = bibtex_of_text('A. Author & B. Other, J. Nowhere_1 (2020), doi:10.1000/xyz.', 'mine')
    assert entry == (
        '@misc{mine, note = {A. Author \\& B. Other, J. Nowhere\\_1 (2020), doi:10.1000/xyz.}, doi = {10.1000/xyz}}'
    )
    assert bibtex_of_text('{50 %}', 'x') == '@misc{x, note = {\\{50 \\%\\}}}'


def test_equal_data_are_cited_once():
    assert _keys(data_citations(['one', 'two', 'one'])) == ['data1', 'data2']


def test_a_layout_is_cited_with_the_tables_that_it_reads():
    found = _keys(layout_citations(load_layout('yamaguchi2023').as_dict()))
    assert {'yamaguchi2023', 'shannon1976', 'cordero2008', 'pettifor1984'} <= set(found)
    assert 'aiida_limap' not in found


def test_a_layout_that_cannot_be_read_is_not_left_out_in_silence():
    (entry,) = layout_citations({'name': 'later', 'reference': 'https://doi.org/10.1/x', 'parts': {}})
    assert entry.startswith('@misc{layout, note = {Descriptor layout later: https://doi.org/10.1/x. What else it cites')
    assert "layout: unknown key 'parts'" in entry
    assert unique_entries([entry])


def test_entries_are_unique_and_have_a_line_for_each_field():
    entries = unique_entries([*program_citations(), *program_citations()])
    assert len(set(_keys(entries))) == len(entries)
    (own,) = (entry for entry in entries if entry.startswith('@software{aiida_limap'))
    assert own.splitlines()[1].startswith('  author = ')


@pytest.mark.parametrize('entry', program_citations())
def test_braces_are_balanced(entry):
    depth = 0
    for sign in entry:
        depth += {'{': 1, '}': -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
