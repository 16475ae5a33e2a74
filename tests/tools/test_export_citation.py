"""BibTeX as references of a CITATION.cff."""

from __future__ import annotations

import yaml

from aiida_limap.tools._export_citation import citation_file

ENTRIES = [
    r'@article{a, author = {Cordero, B. and G\'omez, V. and others}, title = {{C}ovalent \& radii}, journal = {J}, '
    r'volume = {2}, pages = {10--12}, year = {2008}, doi = {10.1/x}}',
    '@article{b, author = {Chen, H.}, journal = {IUCrJ}, volume = {4}, pages = {614}, year = {2017}}',
    '@misc{data1, note = {A. Author, Journal 1, 2 (1970)}}',
    '@software{c, author = {{The developers}}, title = {A program}, version = {0.1}}',
]


def test_entries_become_references_with_what_the_format_asks_for(bare_map):
    document = yaml.safe_load(citation_file(bare_map, 'A map', ENTRIES))
    assert document['cff-version'] == '1.2.0'
    assert document['title'] == 'A map'
    assert document['authors'][0]['name']
    article, untitled, words, program = document['references']
    assert article['title'] == 'Covalent & radii'
    assert article['authors'][1] == {'family-names': 'Gómez', 'given-names': 'V.'}
    assert len(article['authors']) == 2
    assert (article['start'], article['end'], article['year'], article['doi']) == ('10', '12', 2008, '10.1/x')
    assert untitled['title'] == 'IUCrJ 4, 614 (2017)'
    assert words['type'] == 'generic'
    assert words['title'] == 'A. Author, Journal 1, 2 (1970)'
    assert program['type'] == 'software'
    assert program['authors'] == [{'name': 'The developers'}]
    assert all(entry['authors'] and entry['title'] for entry in document['references'])
