"""Whether a reading call with other arguments than the gold one found what that one finds."""

from collections.abc import Sequence
from typing import NamedTuple

from synthtools.types import AnswerValue, Parameter, Tool
from synthtools.types.dates import is_date_time
from synthtools.types.names import words_of
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.comparison import close
from synthtools.world.patch import resolve, same
from synthtools.world.state import records_of


class GoldRead(NamedTuple):
    """A gold call that reads, and what is known of what it finds."""

    tool: Tool
    arguments: JsonObject
    """With defaults filled."""
    data: Json
    """What it answers; None: not known."""
    wanted: Sequence[AnswerValue]
    """The values of the expected answer that stand in `data`."""
    state: State
    """Where the task starts."""

    def is_as_good(self, arguments: JsonObject, data: Json) -> bool:
        """Whether another call of the tool asks for the same, and finds it.

        Free text may differ as long as a word of it is the same, and so may numbers that are optional, such as a limit;
        what names a record, a choice or a day may not. The answer must be the gold one, or have the expected values
        where the gold one has them.

        Args:
            arguments: The other call's, with defaults filled.
            data: What it answered.
        """
        for name, parameter in self.tool.parameters.items():
            gold, given = self.arguments.get(name), arguments.get(name)
            if not same(gold, given) and not self._may_differ(parameter, gold, given):
                return False
        if self.data is not None and same(self.data, data):
            return True
        return bool(self.wanted) and all(_holds(data, value) for value in self.wanted)

    def _may_differ(self, parameter: Parameter, gold: Json, given: Json) -> bool:
        if parameter.type in ("integer", "number"):
            return not parameter.required
        if not (parameter.is_free_text and isinstance(gold, str) and isinstance(given, str)):
            return False
        if any(is_date_time(text) or self._is_id(text) for text in (gold, given)):
            return False
        return not set(words_of(gold)).isdisjoint(words_of(given))

    def _is_id(self, text: str) -> bool:
        return any(text in records_of(self.state, name) for name in self.state)


def _holds(data: Json, value: AnswerValue) -> bool:
    try:
        return close(resolve(data, value.pointer), value.value, value.tolerance)
    except KeyError:
        return False
