"""Options of a training run; the whole record travels with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from aiida_limap.engines.autoencoder.energies import TRANSFORMS
from aiida_limap.engines.autoencoder.plan import Architecture
from aiida_limap.engines.devices import check_device
from aiida_limap.engines.errors import InputError

__all__ = ['PRESETS', 'SplitConfig', 'TrainConfig', 'check_device', 'resolve_device']


@dataclass(frozen=True)
class SplitConfig:
    """How rows are shared between training, validation and test.

    With no validation rows the test rows decide when to stop, as in the paper: their scores are then optimistic.

    :param by: ``formula`` keeps all rows of one group (reduced formula) together, so that polymorphs never straddle;
        ``random`` shares out single rows, as the paper does.
    :param train: fraction of rows to learn from.
    :param validation: fraction of rows that decide when to stop.
    :param test: fraction of rows that nothing is decided on.
    :param seed: seed of the shuffle; apart from the seed of the training, so that models share one split.
    """

    by: str = 'formula'
    train: float = 0.7
    validation: float = 0.1
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        _choice('split.by', self.by, ('formula', 'random'))
        _whole('split.seed', self.seed, 0)
        for name in ('train', 'validation', 'test'):
            _number(f'split.{name}', getattr(self, name), 0, 1)
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise InputError('train: the fractions of the split must sum to 1')
        if self.train == 0 or self.validation + self.test == 0:
            raise InputError('train: the split needs rows to train on, and validation or test rows to stop on')


@dataclass(frozen=True)
class TrainConfig:
    """Options of a training run; the defaults are the preset ``yamaguchi2023``.

    Stated by the paper: two branches with one code each, a head on both codes, the three losses and their weight, Adam
    with batch 16, rate 0.001 and L2 1e-6 (the exponent is hard to read in print), patience 80. Ours: widths, LeakyReLU
    with a linear code, the mean over columns in the losses, scaling by the training rows only, the third split.

    :param preset: name of the preset that the options started from.
    :param me_weight: W in ``Loss_comp + Loss_str + W Loss_ME``.
    :param reduction: ``mean`` divides a reconstruction loss by the number of columns, ``sum_features`` does not.
    :param weight_decay: L2 penalty of Adam, added to the gradient unless ``decoupled_decay``.
    :param patience: epochs without a better Loss_all before the training stops; the best epoch is kept.
    :param max_epochs: the training stops here at the latest.
    :param seed: seed of initial weights and batch order.
    :param hidden_widths: layers between input and code; the decoder mirrors them.
    :param head_widths: hidden layers between the two codes and the migration energy.
    :param scaling: rows whose maximum scales a block: ``training``, or ``all`` as the paper does.
    :param basis: ``full`` trains on the columns themselves, as the paper does; ``compact`` on principal directions of
        the training rows. Distances, so losses, are those of the full columns, and the model is folded back to them;
        the optimiser takes another path.
    :param basis_variance: share of the variance of the training rows that the compact basis holds. The rest counts in
        full in the reported losses.
    :param input_whitening: power p by which what the encoders read is divided by its spread, ``z_j / std_j^p``, in the
        compact basis: 0 leaves coordinates as they are, 1 makes all spreads equal. Losses are not changed by it.
    :param input_noise: standard deviation of Gaussian noise on what the encoders read while they learn, in units of the
        root mean square of a coordinate.
    :param wide_head_widths: hidden layers of a second head that reads the last hidden layers of both encoders instead
        of the two codes; empty for none.
    :param wide_weight: weight of the loss of the wide head beside that of the head on the codes.
    :param energy_transform: what the heads learn: the energy itself, ``none``, or ``sqrt`` or ``log``, see
        :class:`~aiida_limap.engines.autoencoder.energies.EnergyScale`.
    :param energy_offset_eV: energy below which the transform is about linear.
    :param decoupled_decay: weight decay apart from the gradient (AdamW) instead of an L2 penalty.
    :param checkpoint_every: epochs between two checkpoints, if there is a folder for them; 0 for none.
    :param threads: models that are trained at the same time on a CPU; 0 for one per core. Results do not depend on it.
    :param models_at_once: models of a grid that are on a GPU at the same time; 0 for as many as fit.
    :param device: ``cpu``, a name of torch such as ``cuda``, or ``auto``: a GPU if there is one.
    :param baselines: compare with other models and maps of the same rows: true for all, or a list of names, see
        :mod:`~aiida_limap.engines.autoencoder.baselines`.
    """

    preset: str = 'yamaguchi2023'
    me_weight: float = 0.1
    reduction: str = 'mean'
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6
    patience: int = 80
    max_epochs: int = 1000
    seed: int = 0
    split: SplitConfig = field(default_factory=SplitConfig)
    hidden_widths: tuple[int, ...] = (512, 128, 32)
    head_widths: tuple[int, ...] = (32, 32)
    scaling: str = 'training'
    basis: str = 'full'
    basis_variance: float = 0.999
    input_whitening: float = 0.0
    input_noise: float = 0.0
    wide_head_widths: tuple[int, ...] = ()
    wide_weight: float = 1.0
    energy_transform: str = 'none'
    energy_offset_eV: float = 0.1  # noqa: N815
    decoupled_decay: bool = False
    checkpoint_every: int = 25
    threads: int = 0
    models_at_once: int = 0
    device: str = 'auto'
    baselines: bool | tuple[str, ...] = False

    def __post_init__(self) -> None:
        _choice('preset', self.preset, tuple(PRESETS))
        _choice('reduction', self.reduction, ('mean', 'sum_features'))
        _choice('scaling', self.scaling, ('training', 'all'))
        _choice('basis', self.basis, ('full', 'compact'))
        _number('me_weight', self.me_weight, 0)
        _number('weight_decay', self.weight_decay, 0)
        _number('learning_rate', self.learning_rate, 0)
        if self.learning_rate == 0:
            raise InputError('train: learning_rate must be above zero')
        _number('basis_variance', self.basis_variance, 0.5, 1)
        _choice('energy_transform', self.energy_transform, TRANSFORMS)
        _number('energy_offset_eV', self.energy_offset_eV, 1e-6)
        _number('input_whitening', self.input_whitening, 0, 1)
        for name in ('input_noise', 'wide_weight'):
            _number(name, getattr(self, name), 0)
        for name in ('batch_size', 'patience', 'max_epochs'):
            _whole(name, getattr(self, name), 1)
        for name in ('seed', 'threads', 'models_at_once', 'checkpoint_every'):
            _whole(name, getattr(self, name), 0)
        for name in ('hidden_widths', 'head_widths', 'wide_head_widths'):
            object.__setattr__(self, name, _widths(name, getattr(self, name)))
        # The baselines read training data, whose splits are defined here.
        from aiida_limap.engines.autoencoder.baselines import check_baselines

        object.__setattr__(self, 'baselines', check_baselines(self.baselines))
        if not isinstance(self.decoupled_decay, bool):
            raise InputError(f'train: decoupled_decay must be true or false, not {self.decoupled_decay!r}')
        if not isinstance(self.device, str) or not self.device:
            raise InputError(f'train: device must be auto, cpu or cuda, not {self.device!r}')
        if not isinstance(self.split, SplitConfig):
            raise InputError('train: split must be a SplitConfig')

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> TrainConfig:
        """Read options over those of a preset.

        :param parameters: options by name; ``preset`` names the starting point, ``split`` may be given in parts.
        :returns: the options.
        :raises InputError: if an option is unknown or its value is wrong.
        """
        options = dict(parameters)
        preset = options.get('preset', 'yamaguchi2023')
        _choice('preset', preset, tuple(PRESETS))
        merged = {**PRESETS[preset], **options, 'preset': preset}
        _check_names('train', merged, [entry.name for entry in fields(cls)])
        split = merged.pop('split', {})
        if not isinstance(split, Mapping):
            raise InputError(f'train: split must hold options by name, not {split!r}')
        _check_names('train: split', split, [entry.name for entry in fields(SplitConfig)])
        return cls(**merged, split=replace(SplitConfig(), **split))

    def architecture(self, n_composition: int, n_structure: int) -> Architecture:
        """Return the layer sizes of a network with these options.

        :param n_composition: coordinates of a composition row.
        :param n_structure: coordinates of a structure row.
        """
        return Architecture(n_composition, n_structure, self.hidden_widths, self.head_widths, self.wide_head_widths)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        document = asdict(self)
        document['hidden_widths'] = list(self.hidden_widths)
        document['head_widths'] = list(self.head_widths)
        document['wide_head_widths'] = list(self.wide_head_widths)
        if not isinstance(self.baselines, bool):
            document['baselines'] = list(self.baselines)
        return document


#: Options that differ from the defaults. ``quick`` gives the same kind of map in a fraction of the time; ``modern`` is
#: ours, made for the layout of the same name: a smaller network in the compact basis that learns the square root of the
#: energy and has a wide head. Its values were chosen by validation rows of 946 lithium oxides, over five splits.
PRESETS: dict[str, dict[str, Any]] = {
    'yamaguchi2023': {},
    'quick': {'basis': 'compact', 'batch_size': 32, 'patience': 40, 'max_epochs': 400},
    'modern': {
        'basis': 'compact',
        'hidden_widths': (256, 64),
        'wide_head_widths': (32,),
        'energy_transform': 'sqrt',
        'me_weight': 0.3,
        'batch_size': 32,
        'weight_decay': 0.01,
        'decoupled_decay': True,
        'patience': 60,
        'max_epochs': 400,
    },
}


def resolve_device(name: str) -> str:
    """Return the device that a word stands for here.

    :param name: ``auto`` for a GPU if there is one, ``cpu``, or a name of torch such as ``cuda``.
    :returns: a name of torch.
    :raises InputError: if it is unknown or absent.
    """
    import torch

    if name == 'auto':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    check_device(name)
    return name


def _check_names(name: str, options: Mapping[str, Any], known: list[str]) -> None:
    for option in options:
        if option not in known:
            raise InputError(f'{name}: unknown parameter {option!r}; known are {", ".join(known)}')


def _widths(name: str, widths: Any) -> tuple[int, ...]:
    if not isinstance(widths, (list, tuple)) or (not widths and name != 'wide_head_widths'):
        raise InputError(f'train: {name} must be a list of layer widths, not {widths!r}')
    for width in widths:
        _whole(name, width, 1)
    return tuple(widths)


def _choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f'train: {name} is one of {", ".join(known)}, not {value!r}')


def _number(name: str, value: Any, minimum: float, maximum: float = 1e300) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not minimum <= value <= maximum:
        limits = f'at least {minimum:g}' if maximum > 1e299 else f'between {minimum:g} and {maximum:g}'
        raise InputError(f'train: {name} must be a number {limits}, not {value!r}')


def _whole(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise InputError(f'train: {name} must be a whole number of at least {minimum}, not {value!r}')
