"""Histogram descriptors of compositions and crystal structures; the columns are data (a layout), not code."""

from aiida_limap.engines.descriptors.composition import composition_descriptors
from aiida_limap.engines.descriptors.layout import Column, Layout, load_layout
from aiida_limap.engines.descriptors.structure import structure_descriptors

__all__ = ['Column', 'Layout', 'composition_descriptors', 'load_layout', 'structure_descriptors']
