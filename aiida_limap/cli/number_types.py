"""Numbers that options take: none of them is NaN or infinite, and a part of a whole is told as such."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ['FiniteNumber', 'Fraction']


class FiniteNumber(click.FloatRange):
    """A number in a range; NaN is in every range of :class:`click.FloatRange`, and in none of these."""

    name = 'number'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number.

        :param value: what was given.
        :param param: the option.
        :param ctx: the context of the command.
        """
        try:
            number = float(value)
        except ValueError:
            self.fail(f'{value!r} is not a number', param, ctx)
        if not math.isfinite(number):
            self.fail(f'{value} is not a finite number', param, ctx)
        return float(super().convert(value, param, ctx))


class Fraction(click.ParamType):
    """A part of a whole, from 0 to 1."""

    name = 'fraction'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number.

        :param value: what was given.
        :param param: the option.
        :param ctx: the context of the command.
        """
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        # Also false for NaN.
        if not 0 <= number <= 1:
            self.fail(f'{value} is not a part from 0 to 1; 0.05 are 5 %', param, ctx)
        return number
