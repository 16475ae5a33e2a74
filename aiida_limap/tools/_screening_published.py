"""Numbers of Cubuk, Sendek and Reed, J. Chem. Phys. 150, 214701 (2019), doi:10.1063/1.5093220, to compare with."""

from __future__ import annotations

__all__ = ['BEST_SUBSET', 'BIBTEX', 'PLATEAU_DIMENSION', 'TABLE']

#: Table I: accuracy by model and set. The models are called as in a screening.
TABLE: dict[tuple[str, str], float] = {
    ('sml', 'exp'): 0.900,
    ('sml', 'DFT'): 0.905,
    ('eml', 'exp'): 0.975,
    ('eml', 'MP'): 0.130,
    ('eml', 'DFT'): 0.524,
    ('esml', 'exp'): 0.875,
    ('esml', 'MP'): 0.920,
    ('esml', 'DFT'): 0.857,
    ('atom2vec', 'exp'): 0.875,
    ('atom2vec', 'MP'): 0.954,
    ('atom2vec', 'DFT'): 0.857,
}
#: Size and leave-one-out accuracy of the best subset of element features.
BEST_SUBSET = (7, 0.975)
#: Dimension of the element vectors from which on more of them do not help.
PLATEAU_DIMENSION = 3
BIBTEX = (
    '@article{cubuk2019, author = {Cubuk, Ekin D. and Sendek, Austin D. and Reed, Evan J.}, title = {Screening '
    'billions of candidates for solid lithium-ion conductors: A transfer learning approach for small data}, '
    'journal = {The Journal of Chemical Physics}, volume = {150}, pages = {214701}, year = {2019}, '
    'doi = {10.1063/1.5093220}}',
    '@article{sendek2017, author = {Sendek, Austin D. and Yang, Qian and Cubuk, Ekin D. and Duerloo, Karel-Alexander '
    'N. and Cui, Yi and Reed, Evan J.}, title = {Holistic computational structure screening of more than 12000 '
    'candidates for solid lithium-ion conductor materials}, journal = {Energy \\& Environmental Science}, '
    'volume = {10}, pages = {306--320}, year = {2017}, doi = {10.1039/C6EE02697D}}',
)
