"""The real engine, told to stop by its scheduler after its first structure, but in the first job only. For tests only.

Environment: WALLTIME_MARK is a file that the first job leaves behind.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from aiida_limap.engines.bvff import task
from aiida_limap.engines.command_line import main

MARK = Path(os.environ['WALLTIME_MARK'])
compute_item = task.compute_item
computed: list[str] = []


def compute_until_walltime(identifier: str, *arguments: Any) -> Any:
    if computed and not MARK.exists():
        MARK.write_text(computed[0])
        os.kill(os.getpid(), signal.SIGTERM)
    item = compute_item(identifier, *arguments)
    computed.append(identifier)
    return item


if __name__ == '__main__':
    task.compute_item = compute_until_walltime
    sys.exit(main())
