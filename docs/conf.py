"""Configuration of the documentation."""

from __future__ import annotations

from aiida_limap import __version__

project = 'aiida-limap'
copyright = '2026, the aiida-limap developers'
author = 'The aiida-limap developers'
release = version = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.mathjax',
    'sphinx.ext.viewcode',
    'sphinx_click',
    'sphinx_copybutton',
]
myst_enable_extensions = ['colon_fence', 'deflist', 'dollarmath']
myst_heading_anchors = 3
source_suffix = {'.md': 'markdown'}
exclude_patterns = ['_build']
html_theme = 'furo'
# Quotes and dashes of commands stay as they are typed.
smartquotes = False
html_title = f'aiida-limap {release}'
html_static_path: list[str] = []
autodoc_typehints = 'description'
autodoc_member_order = 'bysource'
autodoc_default_options = {
    'members': True,
    'show-inheritance': True,
    # scikit-learn adds these to every estimator, with links to its own documentation.
    'exclude-members': 'set_fit_request, set_score_request',
}


def _write_exit_codes() -> None:
    """Write the table of exit codes from the specifications, so that it never falls behind them."""
    from pathlib import Path

    from aiida.plugins import CalculationFactory, WorkflowFactory

    jobs = ('limap.bvff', 'limap.descriptors', 'limap.train', 'limap.encode')
    jobs += ('limap.screen_train', 'limap.screen', 'limap.place_compositions', 'limap.phonons', 'limap.cluster_phonons')
    chains = ('limap.bvff.base', 'limap.train.base', 'limap.featurize', 'limap.map', 'limap.encode', 'limap.screen')
    chains += ('limap.phonon_clusters',)
    names = [(name, CalculationFactory, name) for name in jobs]
    # A job and a work chain share a name.
    names += [(name, WorkflowFactory, f'{name} (work chain)' if name in jobs else name) for name in chains]
    lines = []
    for name, factory, heading in names:
        lines += [f'## {heading}', '', '| status | label | message |', '|---|---|---|']
        for label, code in sorted(factory(name).spec().exit_codes.items(), key=lambda entry: entry[1].status):
            if code.status >= 200:
                lines.append(f'| {code.status} | `{label}` | {code.message} |')
        lines.append('')
    (Path(__file__).parent / 'reference' / '_exit_codes.md').write_text('\n'.join(lines))


def _write_prototypes() -> None:
    """Write the table of prototypes from the library itself."""
    from pathlib import Path

    from aiida_limap.engines.chemistry.prototypes import build_library, load_prototypes

    prototypes = load_prototypes()
    library = build_library()
    n_sites = sorted(len(entry.structure) for entry in library)
    lines = [
        f'{len(prototypes)} literature prototypes give {len(library)} crystals of {n_sites[0]} to {n_sites[-1]} sites '
        f'(median {n_sites[len(n_sites) // 2]}).',
        '',
        '| formula | family | space group | counterpart | citation |',
        '|---|---|---|---|---|',
    ]
    for entry in prototypes:
        mp_id = entry.materials_project_counterpart
        link = f'[{mp_id}](https://next-gen.materialsproject.org/materials/{mp_id})' if mp_id else ''
        citation = f'[{entry.citation}](https://doi.org/{entry.doi})' if entry.doi else entry.citation
        lines.append(
            f'| {entry.formula} | {entry.family}, {entry.coordinates} '
            f'| {entry.space_group_symbol} ({entry.space_group_number}) | {link} '
            f'| {citation} ({entry.citation_status}) |'
        )
    (Path(__file__).parent / 'topics' / '_prototypes.md').write_text('\n'.join(lines))


def _write_layouts() -> None:
    """Write what each kind of block is, and the tables of the shipped layouts."""
    import sys
    from pathlib import Path

    here = Path(__file__).parent
    sys.path.insert(0, str(here))
    from layout_tables import write_layout_tables

    write_layout_tables(here / 'topics')


def _write_families() -> None:
    """Write the tables of structure families from the library itself."""
    import sys
    from pathlib import Path

    here = Path(__file__).parent
    sys.path.insert(0, str(here))
    from family_tables import write_family_tables

    write_family_tables(here / 'topics')


_write_exit_codes()
_write_families()
_write_prototypes()
_write_layouts()
exclude_patterns += ['reference/_exit_codes.md', 'topics/_prototypes.md', 'topics/_kinds.md', 'topics/_layouts.md']
exclude_patterns += ['topics/_families.md']
