"""The progress bar of a training, as a terminal shows it."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys

import pytest

pty = pytest.importorskip('pty', reason='pseudo-terminals are for POSIX systems')

TRAINING = """
import numpy as np
from aiida_limap.engines.autoencoder import TrainConfig, TrainingData, train_grid
from aiida_limap.engines.autoencoder.progress import ProgressBar

rng = np.random.default_rng(0)
names = [f'row {row}' for row in range(30)]
data = TrainingData(names, rng.random((30, 6)), rng.random((30, 5)), rng.random(30), groups=names)
configs = [TrainConfig(hidden_widths=(4,), head_widths=(3,), max_epochs=40, seed=seed) for seed in range(3)]
with ProgressBar(len(configs)) as bar:
    models = train_grid(data, configs, watcher=bar)
print('trained', len(models))
"""


def test_a_terminal_shows_models_epochs_and_losses_and_is_left_clean():
    primary, secondary = pty.openpty()
    environment = {**os.environ, 'TERM': 'xterm', 'COLUMNS': '150', 'LINES': '24'}
    training = subprocess.Popen(
        [sys.executable, '-c', TRAINING], stdout=subprocess.PIPE, stderr=secondary, stdin=secondary, env=environment
    )
    os.close(secondary)
    shown = b''
    while select.select([primary], [], [], 300)[0]:
        try:
            part = os.read(primary, 65536)
        except OSError:
            # Linux says so when the other end of a pseudo-terminal is closed.
            break
        if not part:
            break
        shown += part
    printed, _ = training.communicate(timeout=300)
    os.close(primary)
    text = shown.decode()
    assert training.returncode == 0, text
    assert printed == b'trained 3\n'
    plain = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', text)
    assert 'models trained' in plain
    assert re.search(r'\d+ epochs; model \d, epoch \d+: loss [\d.e+-]+, validation [\d.e+-]+', plain)
    assert '/3' in plain
    # The cursor is back, and the bar is taken away.
    assert text.rindex('\x1b[?25h') > text.rindex('models trained')
