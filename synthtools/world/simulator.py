"""What a world needs of an LLM simulator, which answers the tools that no certified code answers."""

from typing import Protocol

from synthtools.types import Change, Collection, Tool, ToolCall
from synthtools.types.record import Json, Record, State


class Simulation(Record):
    """A simulator's answer to one call. Code makes the changes, and refuses those that the world does not allow."""

    status_code: int = 200
    error_message: str | None = None
    """The documented message, where the status is no success."""
    data: Json = None
    """The response of a success, of the tool's output schema."""
    changes: tuple[Change, ...] = ()
    """Records to create, update or delete in the collections that the tool writes; an error changes nothing."""


class Simulator(Protocol):
    """Answers calls in place of code.

    Raises:
        AnswerRefused, ParseError, SimulatorError: No usable answer came; the world records a simulator failure.
        ProviderError: The model could not be reached; nothing is recorded, the world's caller gets it.
    """

    def respond(
        self, tool: Tool, call: ToolCall, state: State, *, collections: tuple[Collection, ...], now: str, feedback: str
    ) -> Simulation:
        """Answers a call whose arguments passed the gate and are complete.

        Args:
            tool: The tool that is called.
            call: The call, defaults filled.
            state: The collections that the tool reads and writes, to be left as they are.
            collections: Schemas of these collections; empty where the state has none.
            now: The world's clock, ISO 8601.
            feedback: Why the answer just given was refused; empty at first.
        """
        ...

    async def arespond(
        self, tool: Tool, call: ToolCall, state: State, *, collections: tuple[Collection, ...], now: str, feedback: str
    ) -> Simulation:
        """`respond`, without blocking the event loop."""
        ...
