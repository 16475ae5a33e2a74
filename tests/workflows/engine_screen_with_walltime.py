"""The real engine, told to stop by its scheduler after the first block of systems of the first screening job only.

Environment: WALLTIME_MARK is a file that this job leaves behind. For tests only.
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
    if sys.argv[1] == 'screen' and not MARK.exists():
        MARK.write_text(item.id)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == '__main__':
    ResultsWriter.add = add_until_walltime  # type: ignore[method-assign]
    sys.exit(main())
