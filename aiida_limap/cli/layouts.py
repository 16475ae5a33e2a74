"""``aiida-limap layouts``: the same command as ``limap-engine layouts``; it needs no profile."""

from __future__ import annotations

from aiida_limap.engines import layouts_command

__all__ = ['layouts']

layouts = layouts_command.renamed(layouts_command.layouts, 'aiida-limap')
