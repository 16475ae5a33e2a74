"""Pictures that follow the colours of the page around them, light or dark."""

from __future__ import annotations

__all__ = ['follow_scheme']

#: Ink and ground of figures, as they are on paper and on a dark page. Colours that carry a value stay what they are.
_DARK = {
    '#000000': '#dde3ea',
    '#222222': '#dde3ea',
    '#333333': '#b8c2ce',
    '#555555': '#a9b4c2',
    '#d9dce1': '#36404e',
    '#e3e6ea': '#303946',
    '#f1f1f1': '#252d38',
    '#f4f5f7': '#222a34',
    '#9a9a9a': '#6f7b8a',
    '#0072b2': '#4aa8e0',
    '#d55e00': '#f28c3c',
    '#009e73': '#2fc79a',
}
_GROUND = '#ffffff'


def follow_scheme(svg: bytes) -> bytes:
    """Return a figure as SVG that is light ink on no ground where the page around it is dark.

    A browser tells a picture of the colour scheme of the element that shows it, so that a switch of the page reaches
    its pictures too. Everything else that shows the file, and print, has the colours of paper.

    :param svg: a file that matplotlib has written.
    """
    rules = [f'svg{{fill:{_DARK["#000000"]}}}', f'[style*="fill: {_GROUND}"]{{fill:none!important}}']
    for paper, dark in _DARK.items():
        rules += [f'[style*="{part}: {paper}"]{{{part}:{dark}!important}}' for part in ('fill', 'stroke')]
    style = f'<style>@media (prefers-color-scheme: dark){{{"".join(rules)}}}</style>'
    head, opening, rest = svg.partition(b'<svg')
    attributes, closing, body = rest.partition(b'>')
    return head + opening + attributes + closing + style.encode() + body
