"""The commands of this installation, run as a person would, in a profile of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
#: Longer than anything takes on a machine that is busy with other tests.
TIMEOUT_S = 900
#: AiiDA gives a daemon two seconds to start or to stop unless it is told otherwise.
_DAEMON = ('--timeout', '120')


class Shell:
    """Run the commands of this installation in the profile of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f'{BIN}{os.pathsep}{os.environ.get("PATH", "")}'
        self.environment = {**os.environ, 'AIIDA_PATH': str(folder), 'COLUMNS': '200', 'PATH': path}

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.folder,
        )

    def __call__(self, *command: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            cwd=self.folder,
            timeout=TIMEOUT_S,
        )
        assert (done.returncode != 0) == fails, f'{command}\n{done.stdout}\n{done.stderr}'
        assert 'Traceback' not in done.stderr, done.stderr
        return done

    def start_daemon(self, workers: int) -> None:
        """Start the daemon of the profile, or leave it as it is where it runs."""
        self('verdi', 'daemon', 'start', str(workers), *_DAEMON)

    def stop_daemon(self) -> None:
        """Stop the daemon of the profile, if it runs."""
        self('verdi', 'daemon', 'stop', *_DAEMON)

    def python(self, code: str, *arguments: str) -> str:
        """Return what a piece of Python prints in the profile of the folder."""
        done = subprocess.run(
            [sys.executable, '-c', code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            cwd=self.folder,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
