"""From what a screening counted and learnt, as plain values, to the parts of its report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida_limap.formats.screenparts import Curve, CurveSet, ElementValues, Histogram, ModelScore, Score, Stage
from aiida_limap.tools._screening_published import BEST_SUBSET, PLATEAU_DIMENSION, TABLE

__all__ = ['MODEL_WORDS', 'curve_sets', 'element_values', 'funnel_stages', 'histograms', 'model_scores']

MODEL_WORDS = {'sml': 'sML', 'eml': 'eML', 'esml': 'esML', 'atom2vec': 'atom2vec'}
#: Ways of judging that stand beside a published number, the first that is there.
_BESIDE_PUBLISHED = ('leave-one-out', 'hold-out', 'formulas not learnt from', 'all')
_TALLIES = {'neutral': 'charge neutral', 'left': 'left after all stages'}
#: Stages that are no part of the one before them.
_PART_OF = {'neutral': 'all'}
_METRICS = ('accuracy', 'f1', 'mcc')
Document = Mapping[str, Any]


def funnel_stages(screen: Document) -> tuple[Stage, ...]:
    """Return the stages of the funnel in their order, the published counts beside them.

    :param screen: what the screening says of itself: ``counts`` and ``integer_counts``, pairs of stage and number.
    :returns: stages that were counted, or that the publication counts.
    """
    from aiida_limap.engines.screening.funnel import STAGES

    counts, integers = (dict(screen.get(name) or ()) for name in ('counts', 'integer_counts'))
    known = {stage.name for stage in STAGES}
    found = [
        Stage(
            stage.name,
            stage.label,
            counts.get(stage.name),
            None if stage.published is None else round(stage.published),
            integers=integers.get(stage.name),
            part_of=_PART_OF.get(stage.name, ''),
        )
        for stage in STAGES
        if stage.name in counts or stage.published is not None
    ]
    found += [Stage(name, name.replace('_', ' '), count) for name, count in counts.items() if name not in known]
    return tuple(found) if counts else ()


def histograms(screen: Document) -> tuple[Histogram, ...]:
    """Return how often scores occur; empty bins at both ends are left out.

    :param screen: what the screening says of itself: ``tallies`` with ``score``.
    """
    tally = (screen.get('tallies') or {}).get('score') or {}
    named = {name: [int(count) for count in tally[name]] for name in _TALLIES if any(tally.get(name) or ())}
    if not named:
        return ()
    edges = [float(edge) for edge in tally['edges']]
    filled = [place for counts in named.values() for place, count in enumerate(counts) if count]
    first, last = max(min(filled) - 1, 0), min(max(filled) + 2, len(edges) - 1)
    return tuple(
        Histogram(name, _TALLIES[name], tuple(edges[first : last + 1]), tuple(counts[first:last]))
        for name, counts in named.items()
    )


def model_scores(train: Document) -> tuple[ModelScore, ...]:
    """Return how good the models are, the published accuracies beside them (Cubuk 2019, Table I).

    :param train: what the training says of itself: ``metrics``, each with ``model``, ``data_set``, ``validation``,
        ``n``, ``scores`` and ``chance``.
    :returns: the scores; published ones without ours at the end. Nothing where there is none of ours.
    """
    entries = [entry for entry in train.get('metrics') or () if _scores(entry)]
    beside: dict[tuple[str, str], int] = {}
    for place, entry in enumerate(entries):
        key = (str(entry['model']), str(entry['data_set']))
        beside[key] = min(beside.get(key, place), place, key=lambda one: _rank(entries[one]))
    found = []
    for place, entry in enumerate(entries):
        key = (str(entry['model']), str(entry['data_set']))
        found.append(
            ModelScore(
                MODEL_WORDS.get(key[0], key[0]),
                key[1],
                str(entry.get('validation') or ''),
                int(entry['n']),
                _scores(entry),
                _number(entry.get('chance')),
                TABLE.get(key) if beside[key] == place else None,
            )
        )
    trained = {str(entry['model']) for entry in entries}
    found += [
        ModelScore(MODEL_WORDS[model], data_set, '', 0, published_accuracy=accuracy)
        for (model, data_set), accuracy in TABLE.items()
        if model in trained and (model, data_set) not in beside
    ]
    order = list(MODEL_WORDS.values())
    return tuple(sorted(found, key=lambda entry: order.index(entry.model) if entry.model in order else len(order)))


def _rank(entry: Document) -> int:
    validation = str(entry.get('validation') or '')
    return _BESIDE_PUBLISHED.index(validation) if validation in _BESIDE_PUBLISHED else len(_BESIDE_PUBLISHED)


def _scores(entry: Document) -> dict[str, Score]:
    found = {}
    for name in _METRICS:
        given = (entry.get('scores') or {}).get(name)
        value, spread = (given.get('value'), given.get('spread')) if isinstance(given, Mapping) else (given, None)
        known = _number(value)
        if known is not None:
            found[name] = Score(known, _number(spread))
    return found


def _number(value: Any) -> float | None:
    """Return a finite number, or None."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def curve_sets(train: Document) -> tuple[dict[str, CurveSet], dict[str, str]]:
    """Return learning curve, search over subsets and plateau, as far as they were asked for.

    :param train: what the training says of itself: ``learning_curve``, ``subset_search``, ``nested_selection`` and
        ``plateau``.
    :returns: the curves by name, and for the others why they are not there.
    """
    found: dict[str, CurveSet] = {}
    learning = _curve('esML', ((row.get('rows'), row.get('accuracy')) for row in train.get('learning_curve') or ()))
    if learning is not None:
        found['learning'] = CurveSet(
            'Structures labelled by sML',
            'Accuracy',
            (learning,),
            'Of esML on structures that were held out, against the labels of sML.',
        )
    subsets = _subsets(train)
    if subsets is not None:
        found['subsets'] = subsets
    rows = (train.get('plateau') or {}).get('dimensions') or ()
    plateau = _curve('atom2vec', ((row.get('dimension'), row) for row in rows))
    if plateau is not None:
        published = Curve('published', (float(PLATEAU_DIMENSION),), (TABLE['atom2vec', 'MP'],), is_published=True)
        found['plateau'] = CurveSet('Dimension of the element vectors', 'Accuracy', (plateau, published))
    words = {'learning': 'A learning curve', 'subsets': 'A search over subsets', 'plateau': 'Several dimensions'}
    missing = {name: f'{text} was not asked for.' for name, text in words.items() if name not in found}
    if 'plateau' in missing:
        missing['plateau'] = 'Several dimensions were not asked for.'
    return found, missing


def _mean_and_spread(given: Any) -> tuple[Any, Any]:
    """Return a value and its spread, from ``mean`` with ``sd`` or ``spread``, or from a number."""
    if not isinstance(given, Mapping):
        return given, None
    return given.get('mean'), given.get('sd', given.get('spread'))


def _subsets(train: Document) -> CurveSet | None:
    """Return the best leave-one-out accuracy by size of the subset, and what is left of it without its optimism."""
    best = (train.get('subset_search') or {}).get('best') or ()
    search = _curve('best of all, leave-one-out', ((row.get('size'), row.get('accuracy')) for row in best))
    if search is None:
        return None
    curves = [search]
    nested = (train.get('nested_selection') or {}).get('accuracy')
    # The size is part of the choice: one number, whatever the size.
    judged = _curve('chosen without the judged row', ((size, nested) for size in (search.x[0], search.x[-1])))
    if judged is not None:
        curves.append(judged)
    curves.append(Curve('published, leave-one-out', (BEST_SUBSET[0],), (BEST_SUBSET[1],), is_published=True))
    tried = sum(int(row.get('subsets') or 0) for row in best)
    text = f'{tried} subsets were tried: ' if tried else ''
    note = f'{text}the best of so many looks better on measured compounds than it is on others.'
    return CurveSet('Features in the subset', 'Accuracy', tuple(curves), _capital(note))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _curve(label: str, rows: Iterable[tuple[Any, Any]]) -> Curve | None:
    """Return a curve of places and values; values may come with their spread."""
    points = {}
    for x, given in rows:
        value, spread = _mean_and_spread(given)
        place, known = _number(x), _number(value)
        if place is not None and known is not None:
            points[place] = (known, _number(spread))
    if not points:
        return None
    places = sorted(points)
    spreads = [points[place][1] for place in places]
    known_spreads = tuple(spread for spread in spreads if spread is not None)
    return Curve(
        label,
        tuple(places),
        tuple(points[place][0] for place in places),
        known_spreads if len(known_spreads) == len(places) else (),
    )


def element_values(screen: Document, train: Document) -> tuple[dict[str, ElementValues], dict[str, str]]:
    """Return numbers of elements: contributions, hits that hold them, and prices.

    :param screen: what the screening says of itself: ``tallies`` with ``elements``.
    :param train: what the training says of itself: ``contributions``, ``mean`` and ``spread`` by element.
    :returns: the numbers by name, and for the others why they are not there.
    """
    found: dict[str, ElementValues] = {}
    given = train.get('contributions') or {}
    pairs = {symbol: tuple(map(_number, _mean_and_spread(value))) for symbol, value in given.items()}
    means = {symbol: mean for symbol, (mean, _spread) in pairs.items() if mean is not None}
    if means:
        found['contribution'] = ElementValues(
            'Contribution to fast conduction',
            '',
            means,
            {symbol: spread for symbol, (_mean, spread) in pairs.items() if symbol in means and spread is not None},
            is_signed=True,
            note='Mean over random starts of the element vectors along the normal of the plane between the classes.',
        )
    tally = (screen.get('tallies') or {}).get('elements') or {}
    symbols = list(tally.get('symbols') or ())
    counts = {symbol: int(count) for symbol, count in zip(symbols, tally.get('left') or (), strict=False) if count}
    if counts:
        found['occurrence'] = ElementValues('Hits with the element', '', counts, note='Of all hits, not the best only.')
    prices, years = _prices(symbols)
    if prices:
        note = f'Prices of the elements as they are traded, {years}; those without one fail a limit on cost.'
        found['price'] = ElementValues('Price', 'USD/kg', prices, is_logarithmic=True, note=note)
    words = {
        'contribution': 'The contributions of elements were not asked for.',
        'occurrence': 'No composition passed all stages.',
        'price': 'The elements of the screening are not known.',
    }
    return found, {name: text for name, text in words.items() if name not in found}


def _prices(symbols: Sequence[str]) -> tuple[dict[str, float], str]:
    from aiida_limap.engines.screening.prices import element_prices

    known = element_prices()
    found = {symbol: known[symbol] for symbol in symbols if symbol in known}
    years = sorted({price.year for price in found.values()})
    text = '' if not years else str(years[0]) if len(years) == 1 else f'{years[0]} to {years[-1]}'
    return {symbol: price.usd_per_kg for symbol, price in found.items()}, text
