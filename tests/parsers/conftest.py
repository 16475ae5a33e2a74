"""Fixtures of the parser tests."""

from plugins_aiida import parse

__all__ = ['parse']
