"""What work chains share that put other processes together: how parts are submitted, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ToContext, WorkChain

from aiida_limap.data.dataset import DatasetData
from aiida_limap.workflows._restart import CleaningMixin
from aiida_limap.workflows.protocols.mixin import ProtocolMixin

__all__ = ['PartsWorkChain']


class PartsWorkChain(ProtocolMixin, CleaningMixin, WorkChain):
    """Submit processes one after the other; of one that has ended, only its number stays in the context."""

    def _submit_featurize(
        self, process: type[WorkChain], dataset: DatasetData, inputs: Mapping[str, Any], words: str = ''
    ) -> ToContext:
        """Submit the featurization.

        :param process: what does it.
        :param dataset: the structures.
        :param inputs: its other inputs, but for the code.
        :param words: what the report says beside its number.
        """
        node = self.submit(
            process, **inputs, dataset=dataset, code=self.inputs.code, metadata={'call_link_label': 'featurize'}
        )
        self.report(f'submitted the featurization <{node.pk}>{words}')
        return ToContext(featurize=node)

    def _take(self, name: str) -> orm.ProcessNode:
        """Take a finished process out of the context, where only its number stays."""
        node = self.ctx.pop(name)
        self.ctx.setdefault('pks', {})[name] = node.pk
        return node

    def _failure(self, node: orm.ProcessNode, exit_code: ExitCode) -> ExitCode:
        """Return an exit code that says how a process ended, and report it."""
        reason = f'exit status {node.exit_status}: {node.exit_message}'
        if node.is_killed or node.is_excepted:
            reason = 'process state ' + str(node.process_state.value)
        self.report(f'{node.process_label}<{node.pk}> ended with {reason}')
        return exit_code.format(reason=reason)
