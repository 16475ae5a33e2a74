"""The real engine; one job of migration energies waits half way to be killed. For tests only.

Environment: KILL_MARK is a file that this job leaves behind, with the number of its process.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from aiida_limap.engines.command_line import main
from aiida_limap.formats.results import ItemResult, ResultsWriter

MARK = Path(os.environ['KILL_MARK'])
N_ROWS = 20
add = ResultsWriter.add
n_added = 0


def add_then_wait(writer: ResultsWriter, item: ItemResult, rows: Any = None) -> None:
    global n_added  # noqa: PLW0603
    add(writer, item, rows)
    n_added += 1
    if n_added == N_ROWS and sys.argv[1] == 'bvff':
        try:
            # Two jobs may come here at the same time; one of them makes the file.
            MARK.with_suffix('.taken').touch(exist_ok=False)
        except FileExistsError:
            return
        # What the engine does by itself every few seconds of a longer job.
        writer.flush()
        MARK.write_text(str(os.getpid()))
        time.sleep(600)


if __name__ == '__main__':
    ResultsWriter.add = add_then_wait  # type: ignore[method-assign]
    sys.exit(main())
