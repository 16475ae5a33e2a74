"""Scores of hundreds of millions of compositions by the networks of atom2vec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._atom2vec_network import REDUCTIONS
from aiida_limap.engines.screening._atom2vec_rows import SparseRows, read_fractions
from aiida_limap.engines.threads import available_threads

__all__ = ['CompositionScorer']

#: The kernel takes inputs and outputs in fours.
_TILE = 4
#: Rows that one thread takes at a time.
_ROWS_PER_TASK = 65_536


class CompositionScorer:
    """Networks in the layout that the compiled kernel reads; nothing in it changes, so that threads may share it.

    :param elements: symbols of the element vectors.
    :param reductions: those of the networks.
    :param tensors: their weights, as :meth:`Networks.tensors` gives them.
    """

    def __init__(self, elements: Sequence[str], reductions: Sequence[str], tensors: Mapping[str, NDArray]) -> None:
        self.elements = tuple(elements)
        self._vectors = np.ascontiguousarray(tensors['vectors'], dtype=np.float32)
        self._kinds = np.array([REDUCTIONS.index(name) for name in reductions], dtype=np.int64)
        self._widths, self._weights = _packed(tensors)
        self._places = {symbol: place for place, symbol in enumerate(self.elements)}

    def places(self, symbols: Sequence[str]) -> NDArray[np.int16]:
        """Return the places of elements in the list of elements.

        :param symbols: element symbols.
        :raises InputError: if one is not in the list.
        """
        missing = [symbol for symbol in symbols if symbol not in self._places]
        if missing:
            raise InputError(f'the model has no vector for {", ".join(missing)}')
        return np.array([self._places[symbol] for symbol in symbols], dtype=np.int16)

    def score(self, compositions: Any, *, threads: int | None = None) -> NDArray[np.float32]:
        """Return scores of compositions in any of the forms that the classifier takes.

        :param compositions: formulas, or (n, n_elements) fractions or amounts.
        :param threads: how many; ``OMP_NUM_THREADS`` or all processors without.
        :returns: (n,) scores; fast above zero.
        :raises InputError: if a row is no composition, or holds an element without a vector.
        """
        rows = SparseRows.from_fractions(read_fractions(compositions, self.elements)[0])
        return self.score_sparse(rows.places, rows.amounts, threads=threads)

    def score_sparse(
        self, places: NDArray, amounts: ArrayLike, *, total: float = 1.0, threads: int | None = None
    ) -> NDArray[np.float32]:
        """Return scores of compositions that are given by the elements that they hold; the way for many of them.

        Amounts are not checked: they must sum to ``total`` in each row.

        :param places: (n, m) places of elements, see :meth:`places`; or (m,), the same for all rows.
        :param amounts: (n, m) amounts, e.g. whole percents; zero for slots that are not used.
        :param total: their sum, e.g. 100.
        :param threads: as for :meth:`score`.
        :returns: (n,) scores; fast above zero.
        :raises InputError: if the shapes do not fit, or a place is out of range.
        """
        shares = np.asarray(amounts)
        where = np.asarray(places)
        if where.ndim == 1 and shares.ndim == 2:
            where = np.broadcast_to(where, shares.shape)
        if shares.ndim != 2 or where.shape != shares.shape or where.dtype.kind not in 'iu':
            raise InputError(
                f'places {where.shape} and amounts {shares.shape} must be tables of one shape, places whole'
            )
        if where.size and not 0 <= int(where.min()) <= int(where.max()) < len(self.elements):
            raise InputError(f'places must be between 0 and {len(self.elements) - 1}')
        if not total > 0:
            raise InputError(f'the total of the amounts must be above zero, not {total!r}')
        scores = np.empty(len(shares), dtype=np.float32)
        scale = np.float32(1 / total)
        parts = [slice(start, start + _ROWS_PER_TASK) for start in range(0, len(shares), _ROWS_PER_TASK)]
        workers = min(len(parts), available_threads() if threads is None else max(1, threads))
        if workers < 2:
            for part in parts:
                self._run(where[part], shares[part], scale, scores[part])
            return scores
        with ThreadPoolExecutor(workers) as pool:
            # Consumed, so that an error is raised here.
            list(pool.map(lambda part: self._run(where[part], shares[part], scale, scores[part]), parts))
        return scores

    def _run(self, places: NDArray, amounts: NDArray, scale: np.float32, scores: NDArray[np.float32]) -> None:
        # Here, since numba is slow to load.
        from aiida_limap.engines.screening._atom2vec_kernel import score_rows

        # One type and one order in memory, so that the kernel is compiled once.
        where = np.ascontiguousarray(places, dtype=np.int16)
        shares = np.ascontiguousarray(amounts, dtype=np.float32)
        score_rows(where, shares, scale, self._vectors, self._kinds, self._widths, self._weights, scores)


def _packed(tensors: Mapping[str, NDArray]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return widths of the layers, and (K, w) weights in one line each; layers are filled up with zeros to fours."""
    count = sum(name.startswith('weights.') for name in tensors)
    widths, lines = [], []
    for layer in range(count):
        weight = np.asarray(tensors[f'weights.{layer}'], dtype=np.float32)
        offset = np.asarray(tensors[f'offsets.{layer}'], dtype=np.float32)
        more_in = -weight.shape[1] % _TILE
        more_out = 0 if layer == count - 1 else -weight.shape[2] % _TILE
        weight = np.pad(weight, ((0, 0), (0, more_in), (0, more_out)))
        offset = np.pad(offset, ((0, 0), (0, more_out)))
        widths.append(weight.shape[1])
        lines += [weight.reshape(len(weight), -1), offset]
    return np.array([*widths, 1], dtype=np.int64), np.ascontiguousarray(np.concatenate(lines, axis=1))
