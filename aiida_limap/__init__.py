"""Materials maps of lithium-ion conductors with the provenance of every point, as a plugin of AiiDA."""

__version__ = '0.1.0'
