"""What code can decide about a tool's answer to a rule or happy call; the rest goes to the judge."""

from synthtools.types.audit import TestCall
from synthtools.types.call import Response
from synthtools.types.environment import EnvSpec
from synthtools.types.verdict import SimulationVerdict


def verdict_by_code(env: EnvSpec, test: TestCall, response: Response) -> SimulationVerdict | None:
    """The judgement of an answer by code; None: it takes a judge.

    A failure of the simulator, such as a change outside the tool's `writes`, counts against the tool.
    """
    if response.answered_by == "simulator_failure":
        return SimulationVerdict(verdict="inappropriate_response", reason=response.error_message or "no answer")
    if response.answered_by == "code" and response.ok == test.should_succeed:
        return SimulationVerdict(verdict="correct", reason="certified code answers as expected")
    code = env.code.get(test.call.name)
    if code is not None and code.guard_certified and response.answered_by == "model" and not response.ok:
        return SimulationVerdict(
            verdict="should_success_got_error", reason="the tool's certified guard lets the call pass"
        )
    return None
