"""An engine that answers at once, with rows as wide as those of the real one: what is left is the cost of AiiDA."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from aiida_limap.common.status import Status
from aiida_limap.formats.job import read_job
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import read_structures

#: Columns of the layout of the publication, by part.
WIDTHS = {'composition': 1782, 'structure': 858}


def main() -> None:
    """Answer the job that the command line names."""
    task, job_file = sys.argv[1:]
    job = read_job(Path(job_file))
    writer = ResultsWriter(Path(), task, 'stand-in')
    if task == 'descriptors':
        labels = {f'{part}_labels': [f'{part}_{number}' for number in range(n)] for part, n in WIDTHS.items()}
        writer.summary(layout={'name': 'stand-in'}, layout_checksum='stand-in', **labels)
    generator = np.random.default_rng(0)
    for record in read_structures(Path(job.inputs['structures'])):
        if task == 'bvff':
            values = {f'barrier_{number}d_eV': float(generator.random()) for number in (1, 2, 3)}
            writer.add(ItemResult(record.id, Status.OK, '', {**values, 'grid_error_eV': 0.01, 'wall_s': 0.0}))
        else:
            # Histograms are empty for the most part.
            rows = {part: generator.random(n) * (generator.random(n) < 0.1) for part, n in WIDTHS.items()}
            writer.add(ItemResult(record.id, Status.OK, '', {'formula': 'LiO'}), rows)
    writer.finish()


if __name__ == '__main__':
    main()
