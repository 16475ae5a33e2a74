"""Where the elements stand in a periodic table."""

from __future__ import annotations

__all__ = ['COLUMNS', 'LINES', 'NUMBERS', 'PLACES']

#: Eighteen groups; lanthanides and actinides stand below, under the groups 3 to 17, with a gap above them.
_LINES = (
    'H  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  He',
    'Li Be .  .  .  .  .  .  .  .  .  .  B  C  N  O  F  Ne',
    'Na Mg .  .  .  .  .  .  .  .  .  .  Al Si P  S  Cl Ar',
    'K  Ca Sc Ti V  Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr',
    'Rb Sr Y  Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I  Xe',
    'Cs Ba .  Hf Ta W  Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn',
    'Fr Ra .  Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og',
    '.  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .',
    '.  .  La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .',
    '.  .  Ac Th Pa U  Np Pu Am Cm Bk Cf Es Fm Md No Lr .',
)
#: Of these the first holds no element, between the table and the two lines below it.
_BELOW = {5: 8, 6: 9}
_THIRD = 2
COLUMNS = 18
LINES = len(_LINES)
#: Line and column of each element, counted from 0.
PLACES: dict[str, tuple[int, int]] = {
    symbol: (line, column)
    for line, text in enumerate(_LINES)
    for column, symbol in enumerate(text.split())
    if symbol != '.'
}


def _ordered() -> list[str]:
    """Return the elements by their atomic number."""
    found = []
    for line, text in enumerate(_LINES[: min(_BELOW.values()) - 1]):
        for column, symbol in enumerate(text.split()):
            if column == _THIRD and line in _BELOW:
                found += [word for word in _LINES[_BELOW[line]].split() if word != '.']
            elif symbol != '.':
                found.append(symbol)
    return found


#: Atomic number of each element.
NUMBERS: dict[str, int] = {symbol: number for number, symbol in enumerate(_ordered(), start=1)}
