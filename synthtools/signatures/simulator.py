"""What the simulator is asked, where a tool has no certified code."""

from typing import Annotated, Any

import dspy
from pydantic import StringConstraints

from synthtools.types.schema_from import Hidden, SchemaFrom


class CheckRules(dspy.Signature):
    """Decide whether a call of a tool breaks one of the tool's documented errors.

    Names, types and typed constraints of the arguments were checked before and hold. Look only at the documented
    errors, the usage rules and the records. A call that breaks none of them passes: when in doubt, it passes.
    """

    tool: Any = dspy.InputField(desc="the tool with its usage and documented errors")
    records: Any = dspy.InputField(desc="the records the tool can see", default=None)
    arguments: Any = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    decision: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(
        desc="reason first; error: the documented error that applies, or none"
    )


class SimulateResponse(dspy.Signature):
    """Answer a call of a tool as the real software would.

    The call is valid and no documented error applies. Take every fact from the records; do the arithmetic with care;
    invent only what the records cannot hold. Give the changes that the call makes to records: create with all fields of
    the new record, update with only the fields that change, delete with none. A tool that only reads changes nothing.
    """

    tool: Any = dspy.InputField(desc="the tool with its usage and returns")
    now: str = dspy.InputField(desc="the time of the call")
    records: Any = dspy.InputField(desc="the records the tool can see", default=None)
    arguments: Any = dspy.InputField()
    feedback: str = dspy.InputField(desc="why the last answer was refused", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    output_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    reasoning: Annotated[str, StringConstraints(max_length=300)] = dspy.OutputField(desc="what the call does, in short")
    data: Annotated[Any, SchemaFrom("output_schema")] = dspy.OutputField(desc="what the tool returns")
    changes: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(desc="empty where nothing changes")
