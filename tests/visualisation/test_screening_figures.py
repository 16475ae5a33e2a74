"""Figures of a screening whose numbers are invented."""

from __future__ import annotations

import csv
import dataclasses

import pytest
from plugins_invented_screening import invented_screening

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.formats.screenparts import ElementValues, ModelScore, Stage
from aiida_limap.visualisation._screening_common import big_number
from aiida_limap.visualisation._screening_counts import shares
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.periodic_table import NUMBERS, PLACES
from aiida_limap.visualisation.screening import SCREENING_FIGURES, choose_screening_figures, write_screening_figures


def table(folder, name):
    with (folder / f'{name}.csv').open(newline='') as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp('figures')
    told = []
    written = write_screening_figures(invented_screening(step=10), folder, formats=['svg'], on_figure=told.append)
    assert written.left_out == {}
    assert told == list(SCREENING_FIGURES)
    return folder, {figure.name: figure for figure in written.figures}


def test_every_figure_has_pictures_numbers_and_a_caption(drawn):
    folder, figures = drawn
    for name, figure in figures.items():
        assert [path.name for path in figure.files] == [f'{name}.{kind}' for kind in ('svg', 'csv', 'txt')]
        assert figure.files[0].stat().st_size > 1000
        assert figure.caption.startswith('Invented screening: ')
        assert table(folder, name)


def test_the_table_of_models_holds_both_numbers(drawn):
    folder, figures = drawn
    rows = {(row['model'], row['data_set'], row['validation']): row for row in table(folder, 'models')}
    assert len(rows) == 10
    own = rows['eML', 'exp', 'nested']
    assert (float(own['accuracy']), float(own['published_accuracy']), own['n']) == (0.72, 0.975, '40')
    assert rows['esML', 'DFT', '']['accuracy'] == ''
    assert 'eML on exp (40 compounds): F1 0.62 ± 0.09, MCC 0.44 ± 0.13.' in figures['models'].caption
    picture = (folder / 'models.svg').read_text()
    assert picture.count('<!-- 72.0 ± 7.9 (97.5), nested -->') == 1
    assert picture.count('<!-- (85.7) -->') == 1


def test_the_funnel_tells_which_part_each_stage_leaves(drawn):
    folder, figures = drawn
    rows = table(folder, 'funnel')
    assert [row['stage'] for row in rows] == ['all', 'neutral', 'fast', 'cost', 'rows', 'oxides']
    assert float(rows[1]['share']) == pytest.approx(1_812_345_678 / 19_716_968_700)
    assert (rows[2]['published'], rows[3]['published']) == ('140000000', '')
    assert '1.97 × 10¹⁰' in figures['funnel'].caption
    assert 'Predicted fast: Of the neutral ones.' in figures['funnel'].caption


def test_elements_are_ranked_and_stand_in_their_cells(drawn):
    folder, figures = drawn
    rows = table(folder, 'contribution')
    values = [float(row['Contribution to fast conduction']) for row in rows]
    assert values == sorted(values, reverse=True)
    assert f'highest: {rows[0]["element"]} ' in figures['contribution'].caption
    assert table(folder, 'price')[0].keys() >= {'element', 'atomic_number', 'Price (USD/kg)'}


def test_ternary_rows_are_compositions_and_hits(drawn):
    folder, figures = drawn
    rows = table(folder, 'ternary')
    assert {row['system'] for row in rows} == {'Li-P-S', 'Li-P-O', 'Li-Al-Cl'}
    hits = [row for row in rows if row['formula']]
    assert [row['formula'] for row in hits[:2]] == ['Li3PS4', 'LiPS2']
    assert all(sum(float(row[part]) for part in ('first', 'second', 'third')) == pytest.approx(100) for row in rows)
    fast = sum(float(row['score']) > 0 for row in rows if row['system'] == 'Li-P-S' and row['score'])
    assert f'Li-P-S: {fast / 36:.0%} of 36 compositions predicted fast' in figures['ternary'].caption


def test_equal_reports_give_equal_files(drawn, tmp_path):
    folder, _figures = drawn
    write_screening_figures(invented_screening(step=10), tmp_path, formats=['svg'], only=['ternary', 'contribution'])
    for name in ('ternary.svg', 'contribution.svg', 'ternary.csv'):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_what_is_not_there_is_left_out_with_its_reason(tmp_path):
    report = ScreeningReport(
        'Little',
        models=(ModelScore('eML', 'MP', '', 0, published_accuracy=0.13),),
        funnel=(Stage('all', 'all compositions', None, 5),),
        elements={'price': ElementValues('Price', 'USD/kg', {'Xx': 1.0})},
        missing={'plateau': 'Nobody asked for it.'},
    )
    written = write_screening_figures(report, tmp_path, formats=['png'])
    assert written.figures == ()
    assert list(written.left_out) == list(SCREENING_FIGURES)
    assert written.left_out['plateau'] == 'Nobody asked for it'
    assert written.left_out['models'] == 'no model of this screening was judged'


def test_one_value_and_one_stage_can_be_drawn(tmp_path):
    elements = {
        'price': ElementValues('Price', 'USD/kg', {'Li': 12.0}, is_logarithmic=True),
        'occurrence': ElementValues('Hits', '', {'Li': 3.0}),
        'contribution': ElementValues('Contribution', '', {'Li': 0.0}, is_signed=True),
    }
    report = ScreeningReport('One', funnel=(Stage('all', 'all $compositions', 1),), elements=elements)
    written = write_screening_figures(
        report, tmp_path, formats=['png'], only=['funnel', 'price', 'occurrence', 'contribution']
    )
    assert written.left_out == {}
    # Scores that are all alike have no lines between them.
    ternary = invented_screening(step=10).ternaries[0]
    flat = dataclasses.replace(ternary, scores=(0.0,) * len(ternary.scores), formulas=(), hit_percent=())
    report = ScreeningReport('Flat', ternaries=(flat,))
    assert write_screening_figures(report, tmp_path, formats=['png'], only=['ternary']).left_out == {}


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [('models,heat', "there is no figure 'heat' of a screening; known are models"), (' , ', 'no figure was named')],
)
def test_unknown_figures_are_named(text, sentence):
    with pytest.raises(VisualisationError, match=sentence):
        choose_screening_figures(text)


def test_figures_come_in_their_order():
    assert choose_screening_figures('ternary, Models') == ['models', 'ternary']
    assert choose_screening_figures('all') == list(SCREENING_FIGURES)


def test_the_periodic_table_is_that_of_pymatgen():
    from pymatgen.core import Element

    assert len(NUMBERS) == len(PLACES) == len(set(PLACES.values())) == 118
    for symbol, number in NUMBERS.items():
        element = Element(symbol)
        assert number == element.Z
        line, column = PLACES[symbol]
        if not (element.is_lanthanoid or element.is_actinoid):
            assert (line + 1, column + 1) == (element.row, element.group)


@pytest.mark.parametrize(
    ('value', 'words'),
    [
        (0, '0'),
        (41_421, '41\u202f421'),
        (100_000, '1.00 × 10⁵'),
        (999_999, '1.00 × 10⁶'),
        (19_716_968_700, '1.97 × 10¹⁰'),
    ],
)
def test_big_numbers_are_readable(value, words):
    assert big_number(value) == words


def test_shares_skip_stages_that_were_not_counted():
    stages = [Stage('a', '', 10), Stage('b', '', None), Stage('c', '', 5), Stage('d', '', 0), Stage('e', '', 0)]
    assert shares(stages) == [None, None, 0.5, 0.0, None]
    stages = [Stage('all', '', 100), Stage('fast', '', 60), Stage('neutral', '', 10, part_of='all')]
    assert shares(stages) == [None, 0.6, 0.1]
