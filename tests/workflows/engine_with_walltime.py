"""The real engine, told to stop by its scheduler after its first structure, but in one job only. For tests only.

Environment: WALLTIME_MARK is a file that this job leaves behind: of jobs that run side by side, the one that finishes a
structure first. A test that counts on a certain job has to run one after the other.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from aiida_limap.engines.command_line import main
from aiida_limap.formats.results import ItemResult, ResultsWriter

MARK = Path(os.environ['WALLTIME_MARK'])
add = ResultsWriter.add


def add_until_walltime(writer: ResultsWriter, item: ItemResult, rows: Any = None) -> None:
    add(writer, item, rows)
    try:
        # Two jobs may come here at the same time; one of them makes the file.
        with MARK.open('x') as file:
            file.write(item.id)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == '__main__':
    ResultsWriter.add = add_until_walltime  # type: ignore[method-assign]
    sys.exit(main())
