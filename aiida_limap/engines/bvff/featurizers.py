"""The bond-valence landscape as a featurizer of matminer. This is the only module that imports matminer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from matminer.featurizers.base import BaseFeaturizer

from aiida_limap.engines.bvff.landscape_features import (
    effective_energies,
    landscape_of,
    network_densities,
    pocket_counts,
    site_statistics,
    threshold_energies,
    volume_fractions,
)
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import ParameterSet, load_parameters
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.options import check_switch

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['DEFAULT_BINS', 'BondValenceLandscape']

_Column = tuple[str, str, str, str]

_SITES = (
    ('site_energy_mean', 'eV', 'mean energy of the occupied sites above the minimum', 'energy'),
    ('site_energy_spread', 'eV', 'standard deviation of the energies of the occupied sites', 'energy'),
    ('site_energy_lowest', 'eV', 'lowest energy of an occupied site above the minimum', 'energy'),
    ('site_energy_highest', 'eV', 'highest energy of an occupied site above the minimum', 'energy'),
    ('pit_energy_mean', 'eV', 'mean of the free energies around the occupied sites above the minimum', 'energy'),
    ('pit_energy_spread', 'eV', 'standard deviation of the free energies around the occupied sites', 'energy'),
    ('pit_energy_lowest', 'eV', 'lowest free energy around an occupied site above the minimum', 'energy'),
    ('pit_energy_highest', 'eV', 'highest free energy around an occupied site above the minimum', 'energy'),
    ('site_slope_mean', 'eV/Å', 'mean slope of the landscape at the occupied sites', 'slope'),
    ('site_slope_highest', 'eV/Å', 'largest slope of the landscape at an occupied site', 'slope'),
    ('site_curvature_mean', 'eV/Å^2', 'mean curvature of the landscape at the occupied sites', 'curvature'),
    ('site_curvature_lowest', 'eV/Å^2', 'mean of the lowest curvature at each occupied site', 'curvature'),
)
#: Bins of the features, see :class:`BondValenceLandscape`.
DEFAULT_BINS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        'volume_parts': (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
        'temperatures': (0.1, 0.25, 0.5, 1.0),
        'floors': (0.0, 0.5, 9),
        'depths': (0.05, 2.0, 8),
        'exits': (0.1, 1.6, 10),
        'network_levels': (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0),
    }
)
_NETWORKS = (
    ('channels', '1/Å^2', 'channels per area', 'percolation_channels'),
    ('layers', '1/Å', 'layers per length', 'percolation_layers'),
    ('networks', '', 'number of three-dimensional networks that interpenetrate', 'percolation_networks'),
)


class BondValenceLandscape(BaseFeaturizer):
    """Features of the bond-valence site energies of a mobile ion.

    They come from the landscape that the migration energy comes from as well. In how far they are independent of it:

    - fractions of volume, effective energies and everything about the occupied sites look at no path: a landscape
      with the same numbers can have any migration energy;
    - counts of pockets by depth and by opening hold the saddles between sites, among them those that decide; the
      depth of the deepest pocket often is the one-dimensional barrier itself, spread over bins;
    - with ``thresholds`` there are the thresholds of percolation themselves, that is the migration energies on this
      grid, and the densities of channels, layers and networks that say the same. Their scale words begin with
      ``percolation_``. A model of the migration energy must not be trained on them.

    Origin, orientation, order of sites and choice of cell do not change the numbers by more than 1e-8 of their scale.
    Oxidation states that decorate the structure are used, else they are found. Energies count from the lowest one of
    the landscape; those above ``energy_cap`` are out of reach.

    :param mobile_ion: the ion that moves.
    :param preset: convention of the force field, ``bvff`` or ``bvse``.
    :param spacing: largest cube root of the volume per grid point, Å.
    :param energy_cap: energies this far above the lowest one count as out of reach, eV.
    :param levels: energies at which fractions of volume are taken, eV.
    :param bins: what differs from :data:`DEFAULT_BINS`: ``volume_parts``, the fractions of volume whose upper energy is
        a feature; ``temperatures``, energies kT (eV) of free energies; ``floors``, first, step and number of the bins
        by lowest energy of pockets (eV); ``depths`` and ``exits``, first, ratio and number of the bins by depth and by
        opening of pockets (eV); ``network_levels``, energies (eV) at which densities of channels, layers and networks
        are taken.
    :param thresholds: whether the thresholds of percolation are features too.
    :raises InputError: if an option is wrong.
    """

    def __init__(
        self,
        mobile_ion: str = 'Li+',
        preset: str = 'bvff',
        spacing: float = 0.3,
        energy_cap: float = 10.0,
        levels: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0),
        bins: Mapping[str, Sequence[float]] | None = None,
        thresholds: bool = False,
    ) -> None:
        # As scikit-learn wants it: options are kept as they are given.
        self.mobile_ion = mobile_ion
        self.preset = preset
        self.spacing = spacing
        self.energy_cap = energy_cap
        self.levels = levels
        self.bins = bins
        self.thresholds = thresholds
        self._parameters: ParameterSet | None = None
        self._check()

    def use_parameters(self, source: str | Path | ParameterSet | None) -> None:
        """Take other bond-valence parameters than those of the package.

        This is no argument of the class, so that a layout cannot name a file.

        :param source: a set, the path of a parameter file, or None for the set of the package.
        :raises InputError: if the file is refused, or the set lacks the preset or the mobile ion.
        """
        self._parameters = load_parameters(source)
        self._check()

    def parameters_facts(self) -> dict[str, str]:
        """Return name, citation and checksum of the bond-valence parameters."""
        return load_parameters(self._parameters).facts()

    def featurize(self, structure: Structure) -> list[float]:
        """Compute the features of a structure.

        :param structure: an ordered pymatgen structure, Å.
        :returns: one finite number per label.
        :raises LimapError: one of its kinds says why the structure has no landscape.
        """
        landscape = landscape_of(structure, self._options())
        row = [landscape.minimum, *volume_fractions(landscape, self.levels)]
        quantiles, free = effective_energies(landscape, self._bins('volume_parts'), self._bins('temperatures'))
        row += [*quantiles, *free, *site_statistics(landscape)]
        for counts in pocket_counts(landscape, *map(self._centres, ('floors', 'depths', 'exits'))):
            row += [*counts]
        if self.thresholds:
            row += [*threshold_energies(landscape), *network_densities(landscape, self._bins('network_levels')).ravel()]
        return [float(value) for value in row]

    def columns(self) -> list[_Column]:
        """Describe the features.

        :returns: for each its label, its unit, its meaning, and the word that those scaled together share.
        """
        found = [('landscape_minimum', 'eV', 'lowest site energy', 'minimum')]
        found += [
            (f'volume_below_{level:g}', '', f'part of the volume below {level:g} eV above the minimum', 'volume')
            for level in self.levels
        ]
        found += [
            (
                f'energy_of_volume_{part:g}',
                'eV',
                f'energy above the minimum below which {part:g} of the volume lies',
                'energy',
            )
            for part in self._bins('volume_parts')
        ]
        found += [
            (f'free_energy_{kT:g}', 'eV', f'free energy of the landscape above its minimum at kT = {kT:g} eV', 'energy')
            for kT in self._bins('temperatures')
        ]
        found += _SITES
        for label, what in (('floor', 'a lowest energy of'), ('depth', 'a depth of'), ('exit', 'an opening at')):
            found += [
                (
                    f'pockets_{label}_{value:.4g}',
                    'eV',
                    f'pockets per mobile ion with {what} {value:.4g} eV',
                    f'pockets_{label}',
                )
                for value in self._centres(f'{label}s')
            ]
        return found + self._threshold_columns() if self.thresholds else found

    def feature_labels(self) -> list[str]:
        """Return the names of the features."""
        return [column[0] for column in self.columns()]

    def citations(self) -> list[str]:
        """Return what to cite, as BibTeX entries."""
        return [
            '@article{adams2011, author={Adams, Stefan and Rao, R. Prasada}, title={High power lithium ion battery '
            'materials by computational design}, journal={Physica Status Solidi A}, volume={208}, pages={1746--1753}, '
            'year={2011}, doi={10.1002/pssa.201001116}}',
            '@article{chen2019, author={Chen, Haomin and Wong, Lee Loong and Adams, Stefan}, title={SoftBV - a '
            'software tool for screening the materials genome of inorganic fast ion conductors}, journal={Acta '
            'Crystallographica B}, volume={75}, pages={18--33}, year={2019}, doi={10.1107/S2052520618015718}}',
            '@misc{edelsbrunner2024, author={Edelsbrunner, Herbert and Heiss, Teresa}, title={Merge Trees of Periodic '
            'Filtrations}, year={2024}, eprint={2408.16575}, archivePrefix={arXiv}}',
        ]

    def implementors(self) -> list[str]:
        """Return who wrote this."""
        return ['The aiida-limap developers']

    def _threshold_columns(self) -> list[_Column]:
        found = [
            (
                f'{label}_{dimension}d',
                'eV',
                f'migration energy in {dimension}d on this grid, {above}',
                'percolation_thresholds',
            )
            for label, above in (
                ('threshold', 'above the minimum'),
                ('network_threshold', 'above the lowest energy of what percolates'),
            )
            for dimension in (1, 2, 3)
        ]
        found += [
            (f'{label}_at_{level:g}', unit, f'{meaning} at {level:g} eV above the minimum', scale)
            for label, unit, meaning, scale in _NETWORKS
            for level in self._bins('network_levels')
        ]
        return found

    def _bins(self, name: str) -> Sequence[float]:
        """Return the numbers of one entry of the bins."""
        return (self.bins or {}).get(name, DEFAULT_BINS[name])

    def _centres(self, name: str) -> list[float]:
        """Return the centres of the bins of pockets."""
        first, step, count = self._bins(name)
        if name == 'floors':
            return [first + step * index for index in range(int(count))]
        return [first * step**index for index in range(int(count))]

    def _options(self) -> BvffOptions:
        return BvffOptions(
            mobile_ion=self.mobile_ion,
            preset=self.preset,
            spacing_angstrom=self.spacing,
            energy_cap_eV=self.energy_cap,
            parameters=load_parameters(self._parameters),
        )

    def _check(self) -> None:
        self._options()
        check_switch('thresholds', self.thresholds)
        if self.bins is not None and not isinstance(self.bins, Mapping):
            raise InputError(f'option bins must name lists of numbers, not {self.bins!r}')
        unknown = sorted(set(self.bins or {}) - set(DEFAULT_BINS))
        if unknown:
            raise InputError(f'option bins: there is no {unknown[0]!r}; known are {", ".join(DEFAULT_BINS)}')
        _check_numbers('levels', self.levels, math.inf)
        for name in ('volume_parts', 'temperatures', 'network_levels'):
            _check_numbers(name, self._bins(name), 1.0 if name == 'volume_parts' else math.inf)
        for name in ('floors', 'depths', 'exits'):
            _check_bins(name, self._bins(name))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(values: object) -> bool:
    return isinstance(values, (list, tuple)) and all(_is_number(value) for value in values)


def _check_numbers(name: str, values: Sequence[float], most: float) -> None:
    if not _are_numbers(values) or not values:
        raise InputError(f'option {name} must be a list of numbers, not {values!r}')
    if min(values) <= 0 or max(values) > most or len(set(values)) < len(values):
        limits = 'above 0' if math.isinf(most) else f'above 0 and at most {most:g}'
        raise InputError(f'option {name} must hold different numbers {limits}, not {values!r}')


def _check_bins(name: str, values: Sequence[float]) -> None:
    words = 'first, step and number' if name == 'floors' else 'first, ratio and number'
    if not _are_numbers(values) or len(values) != 3 or values[2] != int(values[2]) or not 2 <= values[2] <= 1000:
        raise InputError(f'option {name} must be {words} of at least 2 bins, not {values!r}')
    least = (-math.inf, 0.0) if name == 'floors' else (0.0, 1.0)
    if not (values[0] > least[0] and values[1] > least[1]):
        raise InputError(f'option {name}: the bins {values!r} do not ascend from an energy above 0')
