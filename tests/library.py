"""The scripted library with some roles played otherwise, and what its pipeline makes: real parts, no model."""

from collections.abc import Mapping
from functools import lru_cache

from synthtools.backends import model
from synthtools.backends.library.roles import ROLES
from synthtools.backends.scripted import Role, Script, register_script
from synthtools.programs.pipeline import Pipeline, PipelineResult
from synthtools.types import SMALL, AuditedEnv, Task, ToolSequence
from synthtools.types.record import Json, JsonObject


class Recorded(Script):
    """A library that keeps the bodies it was sent, by role."""

    def __init__(self, roles: Mapping[str, Role] | None = None) -> None:
        super().__init__({**ROLES, **(roles or {})}, otherwise=None)
        self.bodies: dict[str, list[JsonObject]] = {}

    def completion(self, body: JsonObject) -> JsonObject:
        self.bodies.setdefault(name_of(body), []).append(body)
        return super().completion(body)

    def asked(self, role: str) -> int:
        return len(self.bodies.get(role, ()))

    def prompt(self, role: str, number: int = -1) -> str:
        """The last user message of a call of a role."""
        messages = self.bodies[role][number]["messages"]
        assert isinstance(messages, list) and isinstance(messages[-1], dict)
        return str(messages[-1]["content"])


def name_of(body: JsonObject) -> str:
    shape = body["response_format"]
    assert isinstance(shape, dict) and isinstance(shape["json_schema"], dict)
    return str(shape["json_schema"]["name"])


def playing(name: str, roles: Mapping[str, Role] | None = None) -> Recorded:
    """Registers a library with these roles as `scripted/NAME`."""
    script = Recorded(roles)
    register_script(name, script)
    return script


def always(*answers: Json) -> Role:
    """A role that gives these answers one after another, then the last for ever."""
    given = iter(answers)
    last = [answers[-1]]

    def play(inputs: dict[str, Json], schema: JsonObject, seed: int) -> JsonObject | str:
        answer = next(given, last[0])
        assert isinstance(answer, dict | str)
        return answer

    return play


@lru_cache(maxsize=1)
def made() -> tuple[PipelineResult, Recorded]:
    """What the small pipeline makes of one scenario, and what it asked."""
    script = playing("made")
    with model("scripted/made", seed=7, temperature=0.3, top_p=0.9):
        return Pipeline(SMALL)(field="Bicycle rental"), script


def environment() -> AuditedEnv:
    """The library, audited."""
    return made()[0].environments[0]


def task(number: int = 0) -> Task:
    """A certified task of the library that changes its state."""
    return [task for task in made()[0].tasks if task.initial_state != task.final_state][number]


def sequence(*tools: str, id: str = "library_seq01") -> ToolSequence:
    return ToolSequence(id=id, env_id=environment().env.id, tools=tools)


def served() -> AuditedEnv:
    """The library without any code: every tool is answered by the simulator."""
    env = environment()
    return env.model_copy(update={"env": env.env.model_copy(update={"code": {}})})
