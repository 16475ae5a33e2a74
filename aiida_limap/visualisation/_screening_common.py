"""What the figures of a screening share."""

from __future__ import annotations

__all__ = ['OURS', 'PUBLISHED', 'SIGNED_MAP', 'big_number']

#: Colours of what was computed and of what was read in the publication; all kinds of colour vision tell them apart.
OURS = '#0072b2'
PUBLISHED = '#d55e00'
#: Red where conduction is predicted, blue where it is not, white on the border.
SIGNED_MAP = 'RdBu_r'
_SUPERSCRIPTS = str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹')
_FULL = 100_000


def big_number(value: int) -> str:
    """Return a count as a person reads it: in full up to a hundred thousand, then as a power of ten.

    :param value: the count.
    """
    if value < _FULL:
        return f'{value:,}'.replace(',', '\u202f')
    exponent = len(str(value)) - 1
    mantissa = f'{value / 10**exponent:.2f}'
    if mantissa.startswith('10'):
        mantissa, exponent = '1.00', exponent + 1
    return f'{mantissa} × 10{str(exponent).translate(_SUPERSCRIPTS)}'
