"""The real engine, whose first training waits to be killed after a few checkpoints. For tests only.

Environment: KILL_MARK is a file that the first training leaves behind, with the number of its process; beside it the
file ``written`` holds the number of checkpoints of the training that ran last.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from aiida_limap.engines.autoencoder import checkpoint
from aiida_limap.engines.command_line import main

MARK = Path(os.environ['KILL_MARK'])
CHECKPOINTS = 3
write_checkpoint = checkpoint.write_checkpoint
written = []


def write_then_wait(path: Path, *arguments: Any, **options: Any) -> None:
    write_checkpoint(path, *arguments, **options)
    written.append(path)
    MARK.with_name('written').write_text(str(len(written)))
    if len(written) == CHECKPOINTS and not MARK.exists():
        MARK.write_text(str(os.getpid()))
        time.sleep(600)


if __name__ == '__main__':
    checkpoint.write_checkpoint = write_then_wait
    sys.exit(main())
