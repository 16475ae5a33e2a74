"""What one number of a descriptor row is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ['PARTS', 'Column']

#: The parts of a layout, each a row of its own. The landscape part is computed only when asked for: it comes from the
#: site energies that the migration energy comes from as well.
PARTS = ('composition', 'structure', 'landscape')


@dataclass(frozen=True)
class Column:
    """What one number of a descriptor row is.

    :param name: unique name, e.g. ``rdf_Li-O_1.95``; in histograms the number is the centre of the bin.
    :param unit: unit of the number, or of the axis of the histogram it belongs to; empty for pure numbers.
    :param meaning: one clause.
    :param part: one of :data:`PARTS`.
    :param block: name of the block of the layout that it belongs to, e.g. ``rdf``.
    :param scale: columns with the same word are divided by one common maximum when models are trained.
    """

    name: str
    unit: str
    meaning: str
    part: str = ''
    block: str = ''
    scale: str = ''
