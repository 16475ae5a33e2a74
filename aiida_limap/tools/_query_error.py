"""The error of a question without an answer."""

from __future__ import annotations

__all__ = ['QueryError']


class QueryError(Exception):
    """A question has no answer; the message says why and what to try."""
