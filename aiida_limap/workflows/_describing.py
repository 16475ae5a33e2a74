"""Descriptors of a dataset without its migration energies, with the batches and restarts of ``limap.featurize``."""

from __future__ import annotations

from aiida.engine import ExitCode
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations.placing import summarize_descriptors
from aiida_limap.workflows._batches import join_tables
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

    def gather(self) -> ExitCode | None:
        """Join the tables of all batches and count what became of the structures."""
        pks, verdict = self.ctx.tables[_DESCRIPTORS], self._early_end()
        if not pks:
            return verdict or self.exit_codes.ERROR_NO_RESULTS.format(
                task=_DESCRIPTORS, reason=self.ctx.last_reason[_DESCRIPTORS]
            )
        table, message = join_tables(pks, self.inputs.dataset)
        if table is None:
            return self.exit_codes.ERROR_TABLES_DIFFER.format(reason=message)
        self.out(_DESCRIPTORS, table)
        summary = summarize_descriptors(self.inputs.dataset, table)
        self.out('output_parameters', summary)
        return verdict or self._verdict({_DESCRIPTORS: table}, summary.get_dict())
