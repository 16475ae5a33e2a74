"""Fixtures of the work chain tests."""

from plugins_aiida import stand_in_code

__all__ = ['stand_in_code']
