"""Packages whose names are loaded when they are first used, so that importing the package costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ['lazy_attributes']


def lazy_attributes(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    :param package: full name of the package.
    :param modules: for each public name the module of the package that defines it, or the full name of another one.
    :returns: the two functions, to be bound at the top of the package.
    """

    def getattr_of_package(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        module = modules[name]
        return getattr(importlib.import_module(module if '.' in module else f'{package}.{module}'), name)

    def dir_of_package() -> list[str]:
        return sorted(modules)

    return getattr_of_package, dir_of_package
