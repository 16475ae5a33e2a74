"""What many networks of atom2vec, trained at once, say together: agreement by dimension, contributions of elements."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._atom2vec_network import Networks, reduce_rows, train_networks
from aiida_limap.engines.screening._atom2vec_options import check_options, check_whole, seeds_of
from aiida_limap.engines.screening._atom2vec_rows import SparseRows, read_fractions
from aiida_limap.engines.screening._atom2vec_training import class_counts, folds_of, groups_of, masked, plan_of
from aiida_limap.engines.screening._checks import check_labels
from aiida_limap.engines.screening.linear_fits import fit_linear

__all__ = ['ElementContributions', 'Plateau', 'dimension_plateau', 'element_contributions']

#: Networks that are trained and looked at before the next ones; bounds the memory of many starts.
_AT_ONCE = 40
_ROWS_AT_ONCE = 512
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Plateau:
    """Agreement on held-out rows by the length of the element vectors.

    :param dimensions: (k,) lengths.
    :param agreement: (k, n_networks) share of held-out rows that each network names right.
    :param committee: (k,) the same for the mean score of the networks that did not see a row, over all rows.
    :param scores: (k, n) this mean score of each row.
    """

    dimensions: tuple[int, ...]
    agreement: NDArray[np.float64]
    committee: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def reached_at(self) -> int:
        """The least length whose mean is within one standard error (of the folds) of the best mean."""
        means = self.agreement.mean(axis=1)
        best = int(means.argmax())
        error = self.agreement[best].std(ddof=1) / self.agreement.shape[1] ** 0.5
        return self.dimensions[int(np.argmax(means >= means[best] - error))]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: mean and standard deviation by dimension, and where the plateau is reached."""
        rows = [
            {'dimension': size, 'mean': float(row.mean()), 'spread': float(row.std(ddof=1)), 'committee': float(joint)}
            for size, row, joint in zip(self.dimensions, self.agreement, self.committee, strict=True)
        ]
        return {'dimensions': rows, 'reached_at': self.reached_at, 'n_rows': self.scores.shape[1]}


def dimension_plateau(
    compositions: Any,
    labels: ArrayLike,
    dimensions: Sequence[int] = (1, 2, 3, 4, 6, 8),
    *,
    folds: int = 10,
    starts: int = 1,
    groups: Sequence[Any] | None = None,
    **options: Any,
) -> Plateau:
    """Return how well networks name held-out rows, by the length of the element vectors (Cubuk et al. report 3).

    :param compositions: formulas, or (n, n_elements) fractions.
    :param labels: (n,) 0 or 1.
    :param dimensions: lengths to try.
    :param folds: of the cross-validation; the same for all lengths.
    :param starts: networks per fold, from random starts of their own.
    :param groups: (n,) rows that are never parted; without, rows of one composition.
    :param options: other parameters of :class:`~aiida_limap.engines.screening.atom2vec.Atom2VecClassifier`, and
        ``elements``.
    :raises InputError: if an option is wrong, or a class has too few groups for two folds.
    """
    check_whole('starts', starts, 1)
    if not len(dimensions):
        raise InputError('atom2vec: name at least one dimension')
    data = _prepared(compositions, labels, groups, options)
    shared = folds_of(data.labels, data.groups, folds, data.options['seed'])
    if shared is None:
        raise InputError('a class has rows of one composition only, so that none can be held out; give more rows')
    held_out = [fold for fold in range(int(shared.max()) + 1) for _ in range(starts)]
    seeds = seeds_of(data.options['seed'], len(held_out))
    counts = masked(class_counts(data.labels, data.options['class_weight']), shared, held_out)
    agreement, committee, means = [], [], []
    for dimension in dimensions:
        check_whole('dimension', dimension, 1)
        scores = data.train(counts, seeds, dimension=int(dimension)).scores(data.rows)
        right = (scores > 0) == (data.labels == 1)
        agreement.append([row[shared == fold].mean() for row, fold in zip(right, held_out, strict=True)])
        unseen = np.array(held_out)[:, None] == shared
        means.append((scores * unseen).sum(axis=0) / starts)
        committee.append(((means[-1] > 0) == (data.labels == 1)).mean())
    return Plateau(tuple(int(d) for d in dimensions), np.array(agreement), np.array(committee), np.array(means))


@dataclass(frozen=True, eq=False)
class ElementContributions:
    """What each element does to the score of networks from many random starts; above zero: towards fast.

    The network is not linear, so that there is no one hyperplane; two things are computed for each start.

    ``hyperplane``: the D sums ``m = sum_e c_e v_e`` of the training rows, by the learnt vectors, are separated by a
    linear support-vector machine, ``w . m + b``. Fractions sum to one, so that this is ``sum_e c_e (w . v_e + b)``, and
    ``w . v_e + b`` is what element e brings per fraction of atoms: the product of the normal and the vector, from the
    plane on. It is divided by the standard deviation of ``w . m`` over the training rows.

    ``gradient``: the slope of the score s of the network, without any plane, when a share of all atoms is exchanged for
    element e: ``ds/dc_e - sum_j c_j ds/dc_j``, as a mean over the training rows that hold e, divided by the standard
    deviation of s over the training rows.

    :param elements: (E,) the elements that the training rows hold, by atomic number.
    :param n_rows: (E,) how many rows hold each.
    :param hyperplane: (starts, E).
    :param gradient: (starts, E).
    :param network_agreement: (starts,) share of the training rows that the network names right.
    :param plane_agreement: (starts,) share of them that the plane names right.
    """

    elements: tuple[str, ...]
    n_rows: NDArray[np.int64]
    hyperplane: NDArray[np.float64]
    gradient: NDArray[np.float64]
    network_agreement: NDArray[np.float64]
    plane_agreement: NDArray[np.float64]

    def items(self) -> ItemsView[str, NDArray[np.float64]]:
        """Return elements with their (starts,) contributions by the hyperplane."""
        return dict(zip(self.elements, self.hyperplane.T, strict=True)).items()

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return plain values by element: mean and standard deviation over starts of both, and the number of rows."""
        return {
            symbol: {
                'mean': float(self.hyperplane[:, place].mean()),
                'spread': float(self.hyperplane[:, place].std()),
                'gradient_mean': float(self.gradient[:, place].mean()),
                'gradient_spread': float(self.gradient[:, place].std()),
                'n_rows': int(self.n_rows[place]),
            }
            for place, symbol in enumerate(self.elements)
        }

    def ranking(self, by: str = 'hyperplane', *, among: Sequence[str] | None = None, least_rows: int = 20) -> list[str]:
        """Return elements, the largest mean contribution first.

        :param by: ``hyperplane`` or ``gradient``.
        :param among: only these elements.
        :param least_rows: leave out elements of fewer rows, whose vectors hardly learnt.
        :raises InputError: if ``by`` is neither.
        """
        if by not in ('hyperplane', 'gradient'):
            raise InputError(f'contributions are ranked by hyperplane or gradient, not {by!r}')
        means = getattr(self, by).mean(axis=0)
        known = [
            place
            for place in np.argsort(-means, kind='stable')
            if self.n_rows[place] >= least_rows and (among is None or self.elements[place] in among)
        ]
        return [self.elements[place] for place in known]


def element_contributions(
    compositions: Any,
    labels: ArrayLike,
    *,
    starts: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> ElementContributions:
    """Train networks from many random starts, and return what each element does to their scores.

    (Cubuk et al. take the normal of the separating hyperplane times the element vectors, over 1000 starts; they report
    the largest for Li, and among anions for S and P.)

    :param compositions: formulas, or (n, n_elements) fractions.
    :param labels: (n,) 0 or 1.
    :param starts: number of networks; they differ in their initial weights, and see all rows in one order.
    :param seed: of the starts; those of fewer starts are the first of them.
    :param progress: called with the starts done and all of them.
    :param options: other parameters of :class:`~aiida_limap.engines.screening.atom2vec.Atom2VecClassifier`, and
        ``elements``; without, 20 epochs, which is enough for a mean over starts.
    :raises InputError: if an option is wrong, or the labels cannot be learnt from.
    """
    check_whole('starts', starts, 1)
    data = _prepared(compositions, labels, None, {'epochs': 20, **options, 'seed': seed})
    used = np.flatnonzero((data.fractions > 0).any(axis=0))
    counts = class_counts(data.labels, data.options['class_weight'])
    seeds, parts = seeds_of(seed, starts), []
    for start in range(0, starts, _AT_ONCE):
        part = seeds[start : start + _AT_ONCE]
        networks = data.train(np.tile(counts, (len(part), 1)), part)
        parts.append(_contributions(networks, data, used))
        if progress is not None:
            progress(start + len(part), starts)
    hyperplane, gradient, network, plane = (np.concatenate(values) for values in zip(*parts, strict=True))
    symbols = tuple(data.elements[place] for place in used)
    n_rows = (data.fractions[:, used] > 0).sum(axis=0)
    return ElementContributions(symbols, n_rows, hyperplane, gradient, network, plane)


@dataclass(frozen=True, eq=False)
class _Data:
    fractions: NDArray[np.float64]
    elements: tuple[str, ...]
    rows: SparseRows
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    options: dict[str, Any]

    def train(
        self,
        counts: NDArray[np.float64],
        seeds: Sequence[int],
        dimension: int | None = None,
    ) -> Networks:
        known = self.options | ({} if dimension is None else {'dimension': dimension})
        shape, schedule = plan_of(known, len(self.elements))
        return train_networks(self.rows, self.labels, counts, shape, schedule, seeds, known['device'])


def _prepared(compositions: Any, labels: ArrayLike, groups: Sequence[Any] | None, options: dict[str, Any]) -> _Data:
    from aiida_limap.engines.screening.atom2vec import Atom2VecClassifier

    elements = options.pop('elements', None)
    known = Atom2VecClassifier().get_params()
    unknown = [name for name in options if name not in known]
    if unknown:
        raise InputError(f'atom2vec: unknown option {unknown[0]!r}; known are elements, {", ".join(known)}')
    known |= options
    check_options(known)
    fractions, symbols = read_fractions(compositions, elements)
    targets = check_labels(labels, len(fractions))
    member = groups_of(fractions, groups)
    return _Data(fractions, symbols, SparseRows.from_fractions(fractions), targets, member, known)


def _contributions(
    networks: Networks, data: _Data, used: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return contributions by planes and by slopes, and agreement of networks and planes, of some starts."""
    vectors = networks.tensors(slice(None))['vectors'][:, used].astype(np.float64)
    hyperplane, plane = [], []
    for own in vectors:
        sums = data.fractions[:, used] @ own
        normal, offset = fit_linear(sums, data.labels, loss='squared_hinge', class_weight=data.options['class_weight'])
        along = sums @ normal
        hyperplane.append((own @ normal + offset) / along.std())
        plane.append(((along + offset > 0) == (data.labels == 1)).mean())
    slopes, scores = _slopes(networks, data.rows)
    gradient = slopes[:, used] / scores.std(axis=1, keepdims=True)
    network = ((scores > 0) == (data.labels == 1)).mean(axis=1)
    return np.array(hyperplane), gradient, network, np.array(plane)


def _slopes(networks: Networks, rows: SparseRows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (K, n_elements) mean slopes of the score by the fraction of each element, and (K, n) scores."""
    count, device = len(networks), networks.vectors.device
    sums = np.zeros((networks.shape.n_elements, count))
    held = np.zeros(networks.shape.n_elements)
    scores = np.empty((count, len(rows)))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        places, amounts = (
            torch.from_numpy(rows.places[part]).to(device),
            torch.from_numpy(rows.amounts[part]).to(device),
        )
        shares = amounts.unsqueeze(2).repeat(1, 1, count).requires_grad_()
        found = networks.forward_reduced(reduce_rows(networks.vectors, places, shares, networks.shape.reductions))
        slope = torch.autograd.grad(found.sum(), shares)[0]
        slope = slope - (slope * shares.detach()).sum(1, keepdim=True)
        present = rows.amounts[part] > 0
        np.add.at(sums, rows.places[part][present], slope.double().cpu().numpy()[present])
        np.add.at(held, rows.places[part][present], 1)
        scores[:, part] = found.detach().double().cpu().numpy()
    return (sums / np.maximum(held, 1)[:, None]).T, scores
