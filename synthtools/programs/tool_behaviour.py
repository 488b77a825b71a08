"""A tool and an environment -> the tool's behaviour as certified code, with which a second, independent one agrees."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules.generator import BehaviourGenerator
from synthtools.modules.judges import DisagreementJudge
from synthtools.modules.role import Blocking
from synthtools.types.environment import EnvSpec, ToolCode
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.tool import Tool
from synthtools.world.agreement import Disagreement, Which, disagreements
from synthtools.world.behaviour import Behaviour
from synthtools.world.certification import Certification
from synthtools.world.certifiers import CERTIFIERS, Oracle
from synthtools.world.example import Example
from synthtools.world.threads import in_thread

_SECOND = 500
"""Number of the second writer's first attempt: its seeds are none of the first one's."""

_MOST_CASES = 3
"""Disagreements that are settled in a round."""


class WrittenBehaviour(NamedTuple):
    """The result of asking for a tool's code."""

    code: ToolCode | None
    """Certified code, or code whose guard alone is certified; None: neither."""
    failure: str = ""
    """Why it is not certified: the failing case, in words."""


class _Draft(NamedTuple):
    """A source with what certification says of it."""

    source: str
    certification: Certification | None
    failure: str

    @property
    def certified(self) -> bool:
        return self.certification is not None and self.certification.certified


class ToolBehaviour(Blocking):
    """Tool and environment -> its behaviour as code.

    A model writes the code; where worked examples or properties on drawn calls refuse it, the next round shows it the
    failing case. Then a second behaviour must agree with it on drawn calls: code, where the caller can say exactly
    what is right (`oracle`), else one that the model writes without having seen the first. Where two written ones
    differ, a judge says which is right, and that case becomes a worked example for both.
    """

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.write = BehaviourGenerator()
        self.write_second = BehaviourGenerator()
        self.judge = DisagreementJudge()

    async def aforward(
        self, *, tool: Tool, env: EnvSpec, examples: Sequence[Example] = (), oracle: Oracle | None = None
    ) -> WrittenBehaviour:
        """Writes and certifies a tool's behaviour.

        Args:
            tool: The tool.
            env: The collections, the populated state and the clock that it works on; `env.tools` are not looked at.
            examples: Worked calls that the behaviour must meet.
            oracle: Answers every call of the tool rightly; None: a second behaviour is written where the profile
                asks for one (`second_behaviour`).

        Raises:
            ProviderError: the model could not be reached.
        """
        first = await self._certified(self.write, tool, env, examples, oracle=oracle)
        if first.certified and oracle is None and self.profile.second_behaviour:
            return await self._agreed(tool, env, list(examples), first)
        return _written(first, "design" if oracle is not None else "")

    async def _agreed(self, tool: Tool, env: EnvSpec, examples: list[Example], first: _Draft) -> WrittenBehaviour:
        """Two certified behaviours that agree, after rounds in which the judge's word on a case repairs the loser."""
        second = await self._certified(self.write_second, tool, env, examples, first_attempt=_SECOND)
        for round_ in range(1, 1 + self.profile.behaviour_rounds):
            for draft in (first, second):
                if not draft.certified:
                    return _guard_alone(first, draft.failure)
            cases = await in_thread(self._cases, tool, env, first, second)
            if not cases:
                return _written(first, "second behaviour")
            for case in cases:
                if case.first.status is None and case.second.status is None:
                    return _guard_alone(first, case.what)
                right = _not_crashed(case) or await self.judge.acall(tool=tool, now=env.now, case=case)
                if right == "neither":
                    return _guard_alone(first, f"the description does not decide: {case.what}")
                examples.append(case.example(right))
            after = 100 * round_
            first = await self._certified(self.write, tool, env, examples, last=first.source, first_attempt=after)
            second = await self._certified(
                self.write_second, tool, env, examples, last=second.source, first_attempt=_SECOND + after
            )
        return _guard_alone(first, "two independent behaviours do not agree")

    def _cases(self, tool: Tool, env: EnvSpec, first: _Draft, second: _Draft) -> list[Disagreement]:
        return disagreements(
            Behaviour(first.source),
            Behaviour(second.source),
            tool,
            env.initial_state,
            collections=env.collections,
            now=env.now,
            draws=self.profile.certification_draws,
            most=_MOST_CASES,
        )

    async def _certified(
        self,
        writer: BehaviourGenerator,
        tool: Tool,
        env: EnvSpec,
        examples: Sequence[Example],
        *,
        oracle: Oracle | None = None,
        last: str = "",
        first_attempt: int = 0,
    ) -> _Draft:
        """Rounds of writing and certifying, each shown the last failing case; `last` is kept if it passes."""
        draft = await self._checked(last, tool, env, examples, oracle) if last else _Draft("", None, "")
        for attempt in range(self.profile.behaviour_rounds):
            if draft.certified:
                break
            try:
                source: str = await writer.acall(
                    tool=tool,
                    env=env,
                    last_source=draft.source,
                    feedback=draft.failure,
                    first_attempt=first_attempt + 10 * attempt,
                )
            except (AnswerRefused, ParseError) as error:
                draft = draft._replace(failure=str(error))
                continue
            if source == draft.source:
                break  # The model stands by what failed.
            draft = await self._checked(source, tool, env, examples, oracle)
        return draft

    async def _checked(
        self, source: str, tool: Tool, env: EnvSpec, examples: Sequence[Example], oracle: Oracle | None
    ) -> _Draft:
        draws = self.profile.certification_draws
        certification = await CERTIFIERS.behaviour(source, tool, env, examples, draws=draws, oracle=oracle)
        return _Draft(source, certification, str(certification.failures[0]) if certification.failures else "")


def _not_crashed(case: Disagreement) -> Which | None:
    """The one that did not crash, where the other did: nobody has to be asked about that."""
    if (case.first.status is None) == (case.second.status is None):
        return None
    return "second" if case.first.status is None else "first"


def _written(draft: _Draft, agrees_with: Literal["", "design", "second behaviour"]) -> WrittenBehaviour:
    if not draft.certified or draft.certification is None:
        return _guard_alone(draft, draft.failure)
    code = ToolCode(
        source=draft.source,
        guard_certified=True,
        certified=True,
        agrees_with=agrees_with,
        clock_fields=draft.certification.clock_fields,
    )
    return WrittenBehaviour(code)


def _guard_alone(draft: _Draft, failure: str) -> WrittenBehaviour:
    """What is left of a behaviour whose answers are not to be relied on: the errors that its guard decides."""
    if draft.certification is None or not draft.certification.guard_certified:
        return WrittenBehaviour(None, failure)
    return WrittenBehaviour(ToolCode(source=draft.source, guard_certified=True), failure)
