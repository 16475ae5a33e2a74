"""One compound from its files to a row of results; whatever happens to it costs its own row only."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import LimapError, NoMobileIonError
from aiida_limap.engines.phonons.dos import PhononDos
from aiida_limap.engines.phonons.errors import ImaginaryModesError, PhononSourceError
from aiida_limap.engines.phonons.fingerprint import dos_fingerprint
from aiida_limap.engines.phonons.modes import PhononModes, phonon_modes
from aiida_limap.engines.phonons.options import PhononOptions
from aiida_limap.engines.phonons.quantities import TEMPERATURES_K, BandQuantities, band_quantities
from aiida_limap.engines.phonons.sources import DosInput, PhononInput, read_phonons
from aiida_limap.formats.results import ItemResult

__all__ = ['compute_item', 'compute_source', 'phonon_quantities']

LOGGER = logging.getLogger(__name__)


def phonon_quantities(
    source: PhononInput | DosInput, options: PhononOptions | None = None
) -> tuple[PhononModes | PhononDos, BandQuantities]:
    """Compute the spectrum of a compound and its numbers.

    :param source: what was read.
    :param options: all options.
    :returns: modes, or the density of states where that is all there is; and the numbers.
    :raises NoMobileIonError: if the compound holds none of the mobile element.
    :raises PhononSourceError: if there is only a total density of states.
    :raises ImaginaryModesError: if the share of imaginary modes exceeds the limit.
    :raises LimapError: if no modes can be computed.
    """
    options = options or PhononOptions()
    spectrum: PhononModes | PhononDos
    if isinstance(source, PhononInput):
        if options.mobile not in {str(symbol) for symbol in source.phonopy.primitive.symbols}:
            raise NoMobileIonError(f'{source.identifier}: the structure holds no {options.mobile}')
        spectrum = phonon_modes(
            source.phonopy, mesh_length_angstrom=options.mesh_length_angstrom, refinements=options.refinements
        )
    else:
        spectrum = source.dos
        if not spectrum.by_element:
            raise PhononSourceError(
                f'{source.identifier}: there is only a total density of states, of which no band centre of '
                f'{options.mobile} can be had; densities by site are needed, as in projected_dos.dat'
            )
    found = band_quantities(
        spectrum,
        mobile=options.mobile,
        temperatures_K=options.temperatures_K,
        smearing_THz=options.smearing_THz,
    )
    if found.imaginary_share > options.max_imaginary_share:
        raise ImaginaryModesError(
            f'{source.identifier}: {found.imaginary_share:.0%} of the modes are imaginary, more than '
            f'{options.max_imaginary_share:.0%}: the structure is no minimum of energy, or the forces are not its own'
        )
    return spectrum, found


def compute_item(
    identifier: str,
    path: Path | str,
    options: PhononOptions | None = None,
    *,
    on_spectrum: Callable[[PhononModes | PhononDos], None] | None = None,
) -> ItemResult:
    """Compute one compound and turn whatever happens to it into a result row.

    :param identifier: id of the row.
    :param path: its folder, archive or file; see :func:`~aiida_limap.engines.phonons.sources.read_phonons`.
    :param options: all options.
    :param on_spectrum: called with the modes, or the density of states, of a compound that has numbers.
    :returns: the row. Beside the numbers of
        :meth:`~aiida_limap.engines.phonons.quantities.BandQuantities.values` its values tell which files were read, the
        mesh, and the time; its rows are the band centres at 10, 20 ... 990 K in THz (``mobile_band_centres_THz``,
        ``total_band_centres_THz``) and the densities of states as vectors of 180 numbers per THz and atom
        (``mobile_dos``, ``total_dos``).
    """
    options = options or PhononOptions()

    def load() -> PhononInput | DosInput:
        return read_phonons(path, nac=options.nac, symprec_angstrom=options.symprec_angstrom)

    return compute_source(identifier, load, options, on_spectrum=on_spectrum)


def compute_source(
    identifier: str,
    load: Callable[[], PhononInput | DosInput],
    options: PhononOptions,
    *,
    on_source: Callable[[PhononInput | DosInput], None] | None = None,
    on_spectrum: Callable[[PhononModes | PhononDos], None] | None = None,
) -> ItemResult:
    """Compute one compound as :func:`compute_item` does, from wherever its phonons come.

    :param identifier: id of the row.
    :param load: gives the force constants, or the densities of states; may raise what it likes.
    :param options: all options.
    :param on_source: called with what ``load`` gave, also where no numbers come of it.
    :param on_spectrum: called with the modes, or the density of states, of a compound that has numbers.
    :returns: the row; facts of the source stand in it whatever its status word.
    """
    started = time.monotonic()
    facts: dict[str, Any] = {}
    try:
        source = load()
        read = time.monotonic()
        if on_source is not None:
            on_source(source)
        if isinstance(source, PhononInput):
            facts.update(source.facts)
        spectrum, found = phonon_quantities(source, options)
        vector = band_quantities(
            spectrum, mobile=options.mobile, temperatures_K=TEMPERATURES_K.tolist(), smearing_THz=options.smearing_THz
        )
        rows = {
            'mobile_band_centres_THz': vector.thermal_band_centres_THz,
            'total_band_centres_THz': vector.total_thermal_band_centres_THz,
            'mobile_dos': dos_fingerprint(spectrum, options.mobile, smearing_THz=options.smearing_THz),
            'total_dos': dos_fingerprint(spectrum, smearing_THz=options.smearing_THz),
        }
        if on_spectrum is not None:
            on_spectrum(spectrum)
    except LimapError as error:
        return ItemResult(identifier, error.status, str(error), facts | {'wall_s': time.monotonic() - started})
    except Exception as error:
        # One compound that no check foresaw must not cost the batch; the message keeps what is needed to look into it.
        LOGGER.exception('unexpected error at %s', identifier)
        values = facts | {'wall_s': time.monotonic() - started}
        return ItemResult(identifier, Status.FAILED, f'{type(error).__name__}: {error}', values)
    values = found.values() | {'source_id': source.identifier, 'files': dict(source.files)} | facts
    if isinstance(spectrum, PhononModes) and isinstance(source, PhononInput):
        values |= {
            'formula': spectrum.structure.composition.reduced_formula,
            'nac': source.nac,
            'asymmetry': source.asymmetry,
            'mesh': list(spectrum.mesh),
            'q_points': len(spectrum.weights),
        }
    elif isinstance(spectrum, PhononDos) and spectrum.counts:
        values['formula'] = _formula(spectrum.counts)
    message = '; '.join((*source.notes, *found.notes))
    values |= {'read_s': read - started, 'wall_s': time.monotonic() - started}
    return ItemResult(identifier, Status.OK, message, values, rows)


def _formula(counts: Mapping[str, int]) -> str:
    from pymatgen.core import Composition

    return str(Composition(dict(counts)).reduced_formula)
