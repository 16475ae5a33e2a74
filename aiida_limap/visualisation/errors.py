"""The error of this package."""

from __future__ import annotations

__all__ = ['VisualisationError']


class VisualisationError(Exception):
    """A page or figure cannot be made; the message says what is wrong with which input and what to do."""
