"""Tables of the structure families, made from the library itself, so that the page never falls behind it."""

from __future__ import annotations

from pathlib import Path

from aiida_limap.engines.chemistry.family_references import networks
from aiida_limap.engines.chemistry.prototypes import load_prototypes

__all__ = ['families_text', 'write_family_tables']


def write_family_tables(folder: Path) -> None:
    """Write the generated part of the page on families.

    :param folder: folder of the page.
    """
    (folder / '_families.md').write_text(families_text(), encoding='utf-8')


def families_text() -> str:
    """Return the families with their prototypes, and the networks that make a family."""
    lines = ['| family | prototypes | space group | citation |', '|---|---|---|---|']
    for entry in sorted(load_prototypes(), key=lambda prototype: prototype.family.lower()):
        citation = f'[{entry.citation}](https://doi.org/{entry.doi})' if entry.doi else entry.citation
        lines.append(
            f'| {entry.family} | {entry.formula} (`{entry.name}`) | {entry.space_group_symbol} '
            f'({entry.space_group_number}) | {citation} ({entry.citation_status}) |'
        )
    lines += ['', '| network | family | coordination sequences: share of cations | from |', '|---|---|---|---|']
    for network in networks():
        family = network.family if network.layers is None else f'{network.family} or {network.layers}'
        sequences = '; '.join(
            f'{" ".join(map(str, sequence))}: {share}' for sequence, share in sorted(network.sequences.items())
        )
        source = f'{network.citation} ({network.citation_status})' if network.citation else f'`{network.prototype}`'
        lines.append(f'| {network.name} | {family} | {sequences} | {source} |')
    return '\n'.join([*lines, ''])
