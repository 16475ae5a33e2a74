"""A plain training loop of torch: what every engine of training is compared with."""

from __future__ import annotations

import numpy as np
import torch

from aiida_limap.engines.autoencoder.network import LimapNetwork


def fit_reference(program, state):
    """Train a model from its state, batch by batch, with autograd and the optimiser of torch."""
    network = LimapNetwork.with_weights(program.architecture, program.architecture.unflatten(state.parameters)).float()
    kind = torch.optim.AdamW if program.decoupled else torch.optim.Adam
    optimiser = kind(network.parameters(), lr=program.learning_rate, weight_decay=program.weight_decay)
    while not state.ended:
        rows = program.epoch_rows(state.epoch + 1)
        total = np.zeros(5)
        for start in range(0, len(rows), program.batch_size):
            batch = rows.take(np.arange(start, min(start + program.batch_size, len(rows))))
            losses = _losses(network, program, batch)
            optimiser.zero_grad()
            losses[-1].backward()
            optimiser.step()
            state.step += 1
            total += losses.detach().numpy() * len(batch)
        with torch.no_grad():
            watched = _losses(network, program, program.watch)
        found = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
        state.parameters = program.architecture.flatten(found)
        state.record(program, (total / len(rows)).tolist(), watched.tolist())


def _losses(network, program, rows):
    names = ('composition_in', 'structure_in', 'composition', 'structure', 'outside', 'energy', 'known')
    read_c, read_s, want_c, want_s, outside, energy, known = (torch.from_numpy(getattr(rows, name)) for name in names)
    drawn_c, drawn_s, predicted = network(read_c, read_s)
    number = known.sum().clamp(min=1)
    parts = [
        (scale * (drawn - wanted).square().sum() + outside[:, index].sum()) / len(rows)
        for index, (scale, drawn, wanted) in enumerate(
            zip(program.scales, (drawn_c, drawn_s), (want_c, want_s), strict=True)
        )
    ]
    me = (known * (predicted - energy).square()).sum() / number
    wide = torch.zeros(())
    if program.architecture.wide:
        wide = (known * (network.widely(read_c, read_s) - energy).square()).sum() / number
    return torch.stack([*parts, me, wide, sum(parts) + program.me_weight * (me + program.wide_weight * wide)])
