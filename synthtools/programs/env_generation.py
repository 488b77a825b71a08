"""Stage 1: field -> subfields -> scenarios -> an environment with a populated state and tools as certified code."""

import zlib
from collections.abc import Sequence
from typing import Any

from synthtools.errors import AnswerRefused, Dropped, ParseError
from synthtools.modules.generator import (
    CollectionGenerator,
    RecordGenerator,
    ScenarioGenerator,
    SubfieldGenerator,
    ToolGenerator,
)
from synthtools.modules.role import Blocking
from synthtools.programs.tool_behaviour import ToolBehaviour, WrittenBehaviour
from synthtools.types.environment import Collection, Difficulty, Drop, EnvSpec, Scenario, ToolCode
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.record import JsonObject, State
from synthtools.types.tool import Tool
from synthtools.world.design import ToolDesign, tool_of
from synthtools.world.design_examples import worked_examples
from synthtools.world.designed_behaviour import DesignedBehaviour


class Subfields(Blocking):
    """Field -> its subfields, as many as the profile says."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.generate = SubfieldGenerator()

    async def aforward(self, *, field: str) -> tuple[str, ...]:
        """Names the subfields of a field."""
        return await self.generate.acall(field=field, count=self.profile.subfields)


class Scenarios(Blocking):
    """Field and subfield -> scenarios, as many as the profile says."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.generate = ScenarioGenerator()

    async def aforward(self, *, field: str, subfield: str, earlier: Sequence[Scenario] = ()) -> tuple[Scenario, ...]:
        """Describes the scenarios of a subfield; one that nearly repeats one of `earlier` names it in `repeats`."""
        return await self.generate.acall(
            field=field,
            subfield=subfield,
            count=self.profile.scenarios,
            kinds=self.profile.collections,
            earlier=earlier,
            duplicate_threshold=self.profile.duplicate_threshold,
        )


class EnvGeneration(Blocking):
    """Scenario -> environment.

    The state comes before the tools: tools are then designed on fields and records that exist, so that code knows what
    each of them must answer, and can check a model's code against it.
    """

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.design_collection = CollectionGenerator()
        self.populate = RecordGenerator()
        self.design_tool = ToolGenerator()
        self.code = ToolBehaviour(profile)

    async def aforward(self, *, scenario: Scenario, env_id: str) -> EnvSpec:
        """Makes an environment.

        Raises:
            Dropped: fewer than two tools could be made.
            ModelError: no usable collections or records came.
        """
        profile = self.profile
        collections: list[Collection] = []
        state: State = {}
        spares: dict[str, tuple[JsonObject, ...]] = {}
        seed = zlib.crc32(env_id.encode())
        for kind in scenario.kinds:
            collection = await self.design_collection.acall(
                scenario=scenario, kind=kind, earlier=tuple(collections), fields=profile.record_fields
            )
            records, spare = await self.populate.acall(
                scenario=scenario, collection=collection, state=state, count=profile.records, spare=2, seed=seed
            )
            collections.append(collection)
            state[collection.name] = dict[str, Any](records)
            spares[collection.name] = spare
        env = EnvSpec(
            id=env_id,
            scenario=scenario,
            difficulty=_difficulty(profile.tools),
            collections=tuple(collections),
            initial_state=state,
            spare_records=spares,
        )
        env = await self._add_tools(env)
        if len(env.tools) < 2:
            raise Dropped("too few tools")
        return env

    async def _add_tools(self, env: EnvSpec) -> EnvSpec:
        designs: list[ToolDesign] = []
        tools: list[Tool] = []
        code: dict[str, ToolCode] = {}
        drops: list[Drop] = []
        failed: list[ToolDesign] = []
        for slot in range(self.profile.tools):
            changing = slot % 2 == 0 or slot < self.profile.changing_tools
            for attempt in range(self.profile.tool_attempts):
                try:
                    design: ToolDesign = await self.design_tool.acall(
                        scenario=env.scenario,
                        collections=env.collections,
                        earlier=tuple(designs),
                        failed=tuple(failed),
                        changing=changing,
                        profile=self.profile,
                        first_attempt=10 * attempt,
                    )
                except (AnswerRefused, ParseError) as error:
                    drops.append(Drop(part=f"tool slot {slot + 1}", reason="no usable design", detail=str(error)[:300]))
                    continue
                tool = tool_of(design, env.collections)
                written: WrittenBehaviour = await self.code.acall(
                    tool=tool, env=env, examples=worked_examples(design, tool, env), oracle=DesignedBehaviour(design)
                )
                if written.code is None or not written.code.certified:
                    failed.append(design)
                    drops.append(Drop(part=f"tool:{tool.name}", reason="not certified", detail=written.failure[:300]))
                    continue
                designs.append(design)
                tools.append(tool)
                code[tool.name] = written.code
                break
        return env.model_copy(update={"tools": tuple(tools), "code": code, "drops": tuple(drops)})


def _difficulty(tools: int) -> Difficulty:
    return "easy" if tools <= 10 else "medium" if tools <= 15 else "hard"
