"""The behaviour that a tool's design demands, by code: a model's code is compared with it on every draw."""

from collections.abc import Mapping, Sequence

from synthtools.types.environment import Collection
from synthtools.types.record import Json, State
from synthtools.types.tool import Tool
from synthtools.world.behaviour import Outcome
from synthtools.world.design import ToolDesign, outcome
from synthtools.world.patch import apply_patch
from synthtools.world.state import compile_changes, slice_of


class DesignedBehaviour:
    """Answers calls of a designed tool as its design demands; stands wherever a second behaviour may.

    It shares no line with what a model writes, so that an agreement of the two on drawn calls is evidence, and costs no
    model call.
    """

    def __init__(self, design: ToolDesign) -> None:
        self.design = design

    def run(
        self,
        tool: Tool,
        arguments: Mapping[str, Json],
        state: State,
        *,
        now: str,
        collections: Sequence[Collection] = (),
        guard_only: bool = False,
    ) -> Outcome:
        """The outcome of one call on the slice of the state that the tool declares; see `Behaviour.run`."""
        right = outcome(self.design, collections, state, arguments)
        part = slice_of(state, (*tool.reads, *tool.writes))
        if right.status_code != 200:
            message = next((error.message for error in tool.errors if error.status_code == right.status_code), "")
            return Outcome(right.status_code, message, None, part, ())
        if guard_only:
            return Outcome(200, None, None, part, ())
        patch = compile_changes(state, [right.change], collections) if right.change else ()
        return Outcome(200, None, right.data, slice_of(apply_patch(state, patch), part), patch)
