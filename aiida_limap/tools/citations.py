"""What to cite for a map, as BibTeX: methods, programs, bond-valence parameters and data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida_limap import __version__

__all__ = [
    'bibtex_of_text',
    'data_citations',
    'force_field_citations',
    'layout_citations',
    'program_citations',
    'unique_entries',
]

_OWN = (
    '@software{aiida_limap, author = {{The aiida-limap developers}}, title = {aiida-limap: materials maps of '
    f'lithium-ion conductors with full provenance}}, version = {{{__version__}}}}}'
)
#: How the programs ask to be cited, in their readme, their CITATION.cff or the metadata of their packages.
_PROGRAMS = {
    'huber2020': (
        '@article{huber2020, author = {Huber, S. P. and others}, title = {AiiDA 1.0, a scalable computational '
        'infrastructure for automated reproducible workflows and data provenance}, journal = {Scientific Data}, '
        'volume = {7}, pages = {300}, year = {2020}, doi = {10.1038/s41597-020-00638-4}}'
    ),
    'uhrin2021': (
        '@article{uhrin2021, author = {Uhrin, M. and others}, title = {Workflows in AiiDA: Engineering a '
        'high-throughput, event-based engine for robust and modular computational workflows}, '
        'journal = {Computational Materials Science}, volume = {187}, pages = {110086}, year = {2021}, '
        'doi = {10.1016/j.commatsci.2020.110086}}'
    ),
    'ward2018': (
        '@article{ward2018, author = {Ward, L. and Dunn, A. and Faghaninia, A. and Zimmermann, N. E. R. and Bajaj, S. '
        'and Wang, Q. and Montoya, J. H. and Chen, J. and Bystrom, K. and Dylla, M. and Chard, K. and Asta, M. and '
        'Persson, K. and Snyder, G. J. and Foster, I. and Jain, A.}, title = {Matminer: An open source toolkit for '
        'materials data mining}, journal = {Comput. Mater. Sci.}, volume = {152}, pages = {60--69}, year = {2018}}'
    ),
    'togo2018': (
        '@misc{togo2018, author = {Togo, Atsushi and Tanaka, Isao}, title = {Spglib: a software library for crystal '
        'symmetry search}, doi = {10.48550/arXiv.1808.01590}}'
    ),
    'fraux2020': (
        '@article{fraux2020, author = {Fraux, G. and Cersonsky, R. K. and Ceriotti, M.}, title = {Chemiscope: '
        'Interactive Structure-Property Explorer for Materials and Molecules}, journal = {Journal of Open Source '
        'Software}, volume = {5}, number = {51}, pages = {2117}, year = {2020}, doi = {10.21105/joss.02117}}'
    ),
}
#: Entries of publications that texts name by their DOI.
_BY_DOI = {
    '10.1107/S2052252517010211': (
        '@article{chen2017, author = {Chen, H. and Adams, St.}, journal = {IUCrJ}, volume = {4}, pages = {614}, '
        'year = {2017}, doi = {10.1107/S2052252517010211}}'
    ),
    '10.1107/S2052520618015718': (
        '@article{chen2019, author = {Chen, Haomin and Wong, Lee Loong and Adams, Stefan}, title = {SoftBV - a '
        'software tool for screening the materials genome of inorganic fast ion conductors}, journal = {Acta '
        'Crystallographica B}, volume = {75}, pages = {18--33}, year = {2019}, doi = {10.1107/S2052520618015718}}'
    ),
    '10.1002/pssa.201001116': (
        '@article{adams2011, author = {Adams, Stefan and Rao, R. Prasada}, title = {High power lithium ion battery '
        'materials by computational design}, journal = {Physica Status Solidi A}, volume = {208}, '
        'pages = {1746--1753}, year = {2011}, doi = {10.1002/pssa.201001116}}'
    ),
    '10.1038/sdata.2018.65': (
        '@article{petretto2018, author = {Petretto, Guido and Dwaraknath, Shyam and Miranda, Henrique P. C. and '
        'Winston, Donald and Giantomassi, Matteo and van Setten, Michiel J. and Gonze, Xavier and Persson, Kristin A. '
        'and Hautier, Geoffroy and Rignanese, Gian-Marco}, title = {High-throughput density-functional perturbation '
        'theory phonons for inorganic materials}, journal = {Scientific Data}, volume = {5}, pages = {180065}, '
        'year = {2018}, doi = {10.1038/sdata.2018.65}}'
    ),
    '10.1038/s42256-023-00716-3': (
        '@article{deng2023, author = {Deng, Bowen and Zhong, Peichen and Jun, KyuJung and Riebesell, Janosh and Han, '
        'Kevin and Bartel, Christopher J. and Ceder, Gerbrand}, title = {CHGNet as a pretrained universal neural '
        'network potential for charge-informed atomistic modelling}, journal = {Nature Machine Intelligence}, '
        'volume = {5}, pages = {1031--1041}, year = {2023}, doi = {10.1038/s42256-023-00716-3}}'
    ),
}
_DOI = re.compile(r'10\.\d{4,}/[^\s,;}\]]+')
_SPECIAL = str.maketrans(
    {'\\': r'\textbackslash{}', **{sign: f'\\{sign}' for sign in '&%$#_{}'}, '~': r'\~{}', '^': r'\^{}'}
)
#: In one text, several publications stand one after the other like this.
_BETWEEN = re.compile(r';\s+')


def program_citations() -> list[str]:
    """Return what to cite for the method of the map and for the programs that made it."""
    from aiida_limap.engines.descriptors.references import BIBTEX

    return [_OWN, BIBTEX['yamaguchi2023'], *_PROGRAMS.values(), BIBTEX['ong2013']]


def layout_citations(layout: Mapping[str, Any]) -> list[str]:
    """Return what to cite for the descriptors of a layout.

    :param layout: the layout, as the header of a model holds it.
    :returns: entries. For a layout that this release cannot read, or with featurizers that are not installed, a single
        one that says so, with the reference that the layout itself names.
    """
    from aiida_limap.engines.descriptors.layout import load_layout
    from aiida_limap.engines.descriptors.references import citations_of
    from aiida_limap.engines.errors import InputError

    try:
        read = load_layout(layout)
        found: list[str] = []
        for block in (*read.parts['composition'], *read.parts['structure']):
            own: Any = getattr(block, 'citations', None)
            quantities = getattr(block, 'quantities', (getattr(block, 'quantity', ''),))
            found += citations_of(block.kind, tuple(quantities)) if own is None else own()
    except (InputError, ImportError) as error:
        told = layout.get('reference') or 'it names no reference'
        words = f'Descriptor layout {layout.get("name")}: {told}. What else it cites cannot be told here: {error}'
        return [f'@misc{{layout, note = {{{" ".join(words.split()).translate(_SPECIAL)}}}}}']
    # The entry of this package stands among those of the programs, with its version.
    return [entry for entry in dict.fromkeys(found) if not entry.startswith('@software{aiida_limap,')]


def force_field_citations(text: str) -> list[str]:
    """Return what to cite for a set of bond-valence parameters.

    :param text: what the set says of itself.
    """
    return [
        bibtex_of_text(part, f'parameters{number}')
        for number, part in enumerate(_BETWEEN.split(text.strip()), 1)
        if part
    ]


def data_citations(texts: Iterable[str]) -> list[str]:
    """Return what to cite for the structures.

    :param texts: publications and databases as the structures and their import name them.
    """
    return [bibtex_of_text(text, f'data{number}') for number, text in enumerate(dict.fromkeys(texts), 1)]


def bibtex_of_text(text: str, key: str) -> str:
    """Return a BibTeX entry for a publication that is given in words.

    :param text: the words. Where they hold a DOI that is known here, the entry is that of the publication.
    :param key: name of the entry otherwise.
    :returns: the entry; words that are not known stand in its field ``note`` as they are.
    """
    match = _DOI.search(text)
    doi = match[0].rstrip('.)') if match else ''
    if doi in _BY_DOI:
        return _BY_DOI[doi]
    stated = f', doi = {{{doi}}}' if doi else ''
    return f'@misc{{{key}, note = {{{text.translate(_SPECIAL)}}}{stated}}}'


def unique_entries(entries: Sequence[str]) -> list[str]:
    """Return BibTeX entries, each key once, and each field on a line of its own.

    :param entries: the entries.
    """
    found: dict[str, str] = {}
    for entry in entries:
        key = entry[entry.index('{') + 1 : entry.index(',')].strip()
        found.setdefault(key, re.sub(r'(?<=[},]) (?=\w+ ?= ?\{)', '\n  ', entry.strip()))
    return list(found.values())
