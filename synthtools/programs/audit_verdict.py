"""What code can tell of a tool's answer to a rule or happy call; the judge is asked about the rest."""

from synthtools.types.audit import TestCall
from synthtools.types.call import Response
from synthtools.types.environment import EnvSpec
from synthtools.types.verdict import SimulationVerdict


def verdict_by_code(env: EnvSpec, test: TestCall, response: Response) -> SimulationVerdict | None:
    """The judgement that needs no judge; None: a judge is to be asked, or was.

    A failure of the simulator, among them changes outside the tool's writes, is the tool's own.
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
