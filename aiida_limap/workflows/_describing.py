"""Descriptors of a dataset without its migration energies, with the batches and restarts of ``limap.featurize``."""

from __future__ import annotations

from collections.abc import Mapping

from aiida import orm
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations.placing import summarize_descriptors
from aiida_limap.data.table import TableData
from aiida_limap.workflows.featurize import FeaturizeWorkChain

__all__ = ['DescribeWorkChain']

_DESCRIPTORS = 'descriptors'


class DescribeWorkChain(FeaturizeWorkChain):
    """Compute the descriptors of a dataset, batch by batch."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Define what differs from a featurization: there are no migration energies.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.outputs['migration_energies'].required = False

    @property
    def _tasks(self) -> list[str]:
        return [_DESCRIPTORS]

    def _summarize(self, joined: Mapping[str, TableData]) -> orm.Dict | None:
        return summarize_descriptors(self.inputs.dataset, joined[_DESCRIPTORS]) if joined else None
