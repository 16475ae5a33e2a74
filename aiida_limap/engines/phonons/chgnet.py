"""CHGNet as a calculator of ASE; its weights come with its wheel, so that nothing is ever downloaded."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiida_limap.engines.devices import check_device
from aiida_limap.engines.errors import InputError

__all__ = ['DISPLACEMENT_ANGSTROM', 'MODELS', 'NOTE', 'chgnet_calculator']

#: Models whose weights come with the wheel of CHGNet.
MODELS = ('0.3.0', '0.2.0', 'r2scan')
NOTE = (
    'forces of CHGNet, a universal potential that softens the energy surface: frequencies are mostly too low and '
    'qualitative'
)
#: The energy of CHGNet is not smooth at this scale, see the documentation; longer displacements see less of it, Å.
DISPLACEMENT_ANGSTROM = 0.03
#: Atomic numbers that CHGNet has a vector for: hydrogen to plutonium.
_LAST_ELEMENT = 94


def chgnet_calculator(*, model: str = '0.3.0', weights: str | None = None, device: str = 'cpu') -> Any:
    """Return CHGNet (B. Deng et al., Nat. Mach. Intell. 5, 1031 (2023)) as an ASE calculator.

    It computes the stress only when asked for it, which halves the time of forces.

    :param model: one of :data:`MODELS`.
    :param weights: file of weights of your own, in place of a model; a checkpoint of torch, which may run any code as
        it is read: name only files that you trust.
    :param device: ``cpu`` or ``cuda``.
    :returns: the calculator, whose ``limap_info`` says what it is.
    :raises InputError: if CHGNet is not installed, or there is no such model, file or device.
    """
    if model not in MODELS:
        raise InputError(f'CHGNet has no model {model!r}; known are {", ".join(MODELS)}')
    if weights is not None and not Path(weights).is_file():
        raise InputError(f'there is no file of weights {weights}')
    kind = _calculator_class()
    check_device(device)
    from ase.data import chemical_symbols
    from chgnet.model import CHGNet

    # CHGNet tells on standard output what it runs on; the output of a command is no place for that.
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            network = CHGNet.from_file(weights) if weights else CHGNet.load(model_name=model, verbose=False)
            calculator = kind(model=network, use_device=device, on_isolated_atoms='ignore')
        except (RuntimeError, KeyError, TypeError, OSError, NotImplementedError) as error:
            raise InputError(f'CHGNet cannot be loaded from {weights or model} on {device} ({error})') from error
    calculator.limap_info = {
        'name': 'chgnet',
        'package': f'chgnet {version("chgnet")}',
        'model': Path(weights).name if weights else model,
        'note': NOTE,
        'displacement_angstrom': DISPLACEMENT_ANGSTROM,
        'elements': tuple(chemical_symbols[1 : _LAST_ELEMENT + 1]),
        'checksum': _checksum(network),
    }
    return calculator


def _checksum(network: Any) -> str:
    """Return the SHA-256 of names and values of the weights of a network."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@cache
def _calculator_class() -> Any:
    try:
        from chgnet.model.dynamics import CHGNetCalculator
    except ImportError as error:
        raise InputError(
            "CHGNet is not installed; install the optional extra with: pip install 'aiida-limap[mlip]'"
        ) from error

    class Calculator(CHGNetCalculator):  # type: ignore[misc, unused-ignore]
        """CHGNet without magnetic moments, and without stress where none is asked for."""

        def calculate(
            self,
            atoms: Any = None,
            properties: Any = None,
            system_changes: Any = None,
            task: str | None = None,
        ) -> None:
            task = task or ('efs' if 'stress' in (properties or ()) else 'ef')
            with warnings.catch_warnings():
                # Of torch about how CHGNet collects volumes, and of pymatgen, which CHGNet asks for the neighbours of
                # atoms whose symmetry is kept.
                warnings.filterwarnings('ignore', message='Converting a tensor with requires_grad=True')
                warnings.filterwarnings('ignore', message='Only FixAtoms and FixCartesian is supported')
                super().calculate(atoms, properties, system_changes, task=task)

    return Calculator
