"""What to cite for the descriptors, as BibTeX."""

from __future__ import annotations

__all__ = ['BIBTEX', 'KEYS_BY_KIND', 'citations_of']

#: Entries by key.
BIBTEX = {
    'aiida_limap': (
        '@software{aiida_limap, author = {{The aiida-limap developers}}, '
        'title = {aiida-limap: materials maps of lithium-ion conductors with full provenance}}'
    ),
    'yamaguchi2023': (
        '@article{yamaguchi2023, author = {Yamaguchi and others}, '
        'title = {Drawing a materials map with an autoencoder for lithium ionic conductors}, '
        'journal = {Scientific Reports}, volume = {13}, pages = {16799}, year = {2023}, '
        'doi = {10.1038/s41598-023-43921-1}}'
    ),
    'ong2013': (
        '@article{ong2013, author = {Ong, Shyue Ping and Richards, William Davidson and Jain, Anubhav and Hautier, '
        'Geoffroy and Kocher, Michael and Cholia, Shreyas and Gunter, Dan and Chevrier, Vincent L. and Persson, '
        'Kristin A. and Ceder, Gerbrand}, title = {Python Materials Genomics (pymatgen): A robust, open-source python '
        'library for materials analysis}, journal = {Computational Materials Science}, volume = {68}, '
        'pages = {314--319}, year = {2013}, doi = {10.1016/j.commatsci.2012.10.028}}'
    ),
    'cordero2008': (
        "@article{cordero2008, author = {Cordero, Beatriz and G{\\'o}mez, Ver{\\'o}nica and Platero-Prats, Ana E. and "
        "Rev{\\'e}s, Marc and Echeverr{\\'i}a, Jorge and Cremades, Eduard and Barrag{\\'a}n, Flavia and Alvarez, "
        'Santiago}, title = {Covalent radii revisited}, journal = {Dalton Transactions}, pages = {2832--2838}, '
        'year = {2008}, doi = {10.1039/b801115j}}'
    ),
    'shannon1976': (
        '@article{shannon1976, author = {Shannon, R. D.}, title = {Revised effective ionic radii and systematic '
        'studies of interatomic distances in halides and chalcogenides}, journal = {Acta Crystallographica Section A}, '
        'volume = {32}, pages = {751--767}, year = {1976}, doi = {10.1107/S0567739476001551}}'
    ),
    'slater1964': (
        '@article{slater1964, author = {Slater, J. C.}, title = {Atomic Radii in Crystals}, '
        'journal = {The Journal of Chemical Physics}, volume = {41}, pages = {3199--3204}, year = {1964}, '
        'doi = {10.1063/1.1725697}}'
    ),
    'pettifor1984': (
        '@article{pettifor1984, author = {Pettifor, D. G.}, title = {A chemical scale for crystal-structure maps}, '
        'journal = {Solid State Communications}, volume = {51}, pages = {31--34}, year = {1984}, '
        'doi = {10.1016/0038-1098(84)90765-8}}'
    ),
    'ward2016': (
        '@article{ward2016, author = {Ward, Logan and Agrawal, Ankit and Choudhary, Alok and Wolverton, Christopher}, '
        'title = {A general-purpose machine learning framework for predicting properties of inorganic materials}, '
        'journal = {npj Computational Materials}, volume = {2}, pages = {16028}, year = {2016}, '
        'doi = {10.1038/npjcompumats.2016.28}}'
    ),
}

#: Keys by kind of block, beside ``aiida_limap``.
KEYS_BY_KIND = {
    'element_histogram': ('yamaguchi2023', 'ong2013'),
    'element_fractions': ('yamaguchi2023',),
    'element_statistics': ('ward2016', 'ong2013'),
    'rdf': ('yamaguchi2023',),
    'adf': ('yamaguchi2023',),
    'voronoi': ('yamaguchi2023',),
}
_KEYS_BY_PROPERTY = {
    'atomic_radius': 'slater1964',
    'ionic_radius': 'shannon1976',
    'highest_state_radius': 'shannon1976',
    'covalent_radius': 'cordero2008',
    'mendeleev_number': 'pettifor1984',
}


def citations_of(kind: str, quantities: tuple[str, ...] = ()) -> list[str]:
    """Return what to cite for a kind of block.

    :param kind: kind of the block.
    :param quantities: the element properties that it reads.
    :returns: BibTeX entries.
    """
    keys = ('aiida_limap', *KEYS_BY_KIND.get(kind, ()))
    keys += tuple(_KEYS_BY_PROPERTY[quantity] for quantity in quantities if quantity in _KEYS_BY_PROPERTY)
    return [BIBTEX[key] for key in dict.fromkeys(keys)]
