"""What is said of a dataset that keeps no report of an import: where it came from."""

from __future__ import annotations

from plugins_aiida import make_dataset, make_structure
from plugins_screening import make_labels

from aiida_limap.calculations.screening import screening_structures
from aiida_limap.data.dataset import DatasetData
from aiida_limap.tools.import_words import import_lines


def test_a_dataset_without_a_report_says_where_it_came_from(aiida_profile):
    node = make_structure(8.7)
    plain = make_dataset([node], name='plain')
    assert import_lines(plain, None) == ['it keeps no report: no importer made it']
    older = DatasetData(name='older', structures=[(node.uuid, 'a')], filter={'importer': 'prototypes'}).store()
    assert import_lines(older, None) == [
        'it keeps no report: it was imported (prototypes) by a release that wrote none'
    ]


def test_a_dataset_of_a_work_chain_names_what_it_was_made_from(aiida_profile):
    node = make_structure(8.9)
    labels = make_labels([node.uuid], [1])
    made = screening_structures(labels)
    assert import_lines(made, None) == ['it keeps no report: screening_structures made it from other data']
    both = screening_structures(labels, make_dataset([node], name='oxides'))
    assert import_lines(both, None) == [
        "it keeps no report: screening_structures made it from the dataset 'oxides', whose report tells of the import"
    ]
