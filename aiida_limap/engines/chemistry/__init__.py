"""Oxidation states, structure checks, element properties and the prototype library."""
