"""Compiled programs as files: the instructions and demos that an optimizer found, and where they may be used.

A file is state only, as JSON. What it holds is bound by its own SHA-256, and each predictor's state by the signature
it was compiled for: a file that was changed, or whose signature is no longer that of the code, is refused.
"""

import copy
import difflib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import dspy
import orjson
from pydantic import Field

from synthtools.errors import ConfigError, DataError
from synthtools.files import replacing
from synthtools.modules.decider import Decider, decision_settings
from synthtools.types.record import Json, JsonObject, Record
from synthtools.types.schema_from import SchemaFrom

FORMAT = "synthtools-compiled"
VERSION = 1


class SignatureField(Record):
    """A field as a fingerprint sees it: descriptions may change, what is asked and answered may not."""

    name: str
    kind: Literal["input", "output"]
    type: str


class CompiledPredictor(Record):
    """The state of one predictor."""

    role: str
    """Class of the role that holds it; empty: a module that is no role of ours."""
    fields: tuple[SignatureField, ...]
    """The signature it was compiled for."""
    instructions: str
    demos: tuple[JsonObject, ...] = ()
    decisions: Annotated[dict[str, JsonObject], Field(exclude_if=lambda found: not found)] = {}
    """By output: the `threshold` of a yes or no, or the `weights` of a choice, that its probabilities are held
    against; an output that is not named is as the model writes it."""

    def problem_with(self, predictor: Any) -> str | None:
        """Why a predictor cannot have this state; None: it can."""
        if (difference := _difference(self.fields, fields_of(predictor))) is not None:
            return difference
        if self.decisions and not isinstance(predictor, Decider):
            return "it decided on probabilities"
        try:
            decision_settings(predictor.signature, self.decisions)
        except ConfigError as error:
            return str(error)
        return None

    def give_to(self, predictor: Any) -> None:
        """Makes this the state of a predictor."""
        predictor.signature = predictor.signature.with_instructions(self.instructions)
        predictor.demos = [dspy.Example(demo) for demo in self.demos]
        predictor.fields = copy.deepcopy(self.decisions)


class DemoSource(Record):
    """Where a demo comes from."""

    predictor: str
    position: int
    case: str
    """Id of the case whose answer it is."""
    source: str = ""


class Estimate(Record):
    """A mean over the test cases with its 95 % interval."""

    mean: float
    low: float
    high: float


class Scores(Record):
    """What a compile changed, on cases that its optimizer never saw."""

    cases: int
    before: Estimate
    after: Estimate
    gain: Estimate
    """Of the differences case by case."""
    p_value: float
    """Of the gain, by a paired randomization test."""
    significant: bool
    """Whether the interval of the gain lies above 0 and chance alone would hardly give it."""
    tokens_before: float
    """Prompt and generated tokens of one case, on average."""
    tokens_after: float
    parts: dict[str, tuple[float, float]] = {}
    """Means before and after by part of the metric, over the cases that reached it."""
    unit: Literal["field", "record", "case"] = "case"
    """What intervals and p value take as independent: all cases of a field, or of a record, or each case."""
    units: int = 0
    """How many there are; 0: a file of before this was told, by case."""
    scope: str = ""
    """What intervals and p value say, and what they do not, in a sentence."""


class CasesUsed(Record):
    """The cases of a compile."""

    hash: str
    train: int
    validation: int
    test: int


class MetricUsed(Record):
    """The metric of a compile."""

    name: str
    """Of its function; `weighted mean` where it has parts."""
    weights: dict[str, float] = {}
    """By part."""
    hash: str
    """SHA-256 (hex) of all that defines it."""


class CompiledProgram(Record):
    """The file."""

    format: Literal["synthtools-compiled"] = FORMAT
    version: int = VERSION
    id: str
    """The compile it came from."""
    target: str
    module: str
    """Class of the module that was compiled."""
    predictors: dict[str, CompiledPredictor]
    """By their path in that module."""
    method: str
    settings: JsonObject
    models: dict[str, str]
    seed: int
    parents: tuple[str, ...] = ()
    """Candidates that it descends from, the nearest first; the last is the program as it was."""
    data: CasesUsed
    metric: MetricUsed | None = None
    """None: a file of before it was told."""
    scores: Scores
    recommended: bool
    """Whether it is better beyond chance."""
    diff: dict[str, str] = {}
    """What changed in the instructions, as a unified diff by predictor."""
    demo_sources: tuple[DemoSource, ...] = ()

    def sha256(self) -> str:
        """SHA-256 (hex) of the content."""
        content = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest()

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        content = {**self.model_dump(mode="json"), "sha256": self.sha256()}
        with replacing(path) as (file,):
            file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")

    @property
    def roles(self) -> tuple[str, ...]:
        """Classes of the roles that it holds states of."""
        return tuple(dict.fromkeys(state.role for state in self.predictors.values() if state.role))

    def apply(self, module: dspy.Module, where: str) -> None:
        """Gives a module the compiled state: its own where it is of the compiled class, else to the roles within it.

        Args:
            module: A role or program with the prompts of this version.
            where: The file, for messages.

        Raises: DataError, in one line, where it has no such role or a signature differs; the module is untouched then.
        """
        found = self._matches(module, where)
        if not found:
            held = " or ".join(self.roles) or self.module
            raise DataError(f"{where} was compiled for {self.module}: {_name(module)} has no {held}")
        for path, predictor, state in found:
            if (problem := state.problem_with(predictor)) is not None:
                raise DataError(f"{where} was compiled for another {path} than this version's: {problem}")
        for _, predictor, state in found:
            state.give_to(predictor)

    def fits(self, module: dspy.Module) -> bool:
        """Whether the module, or a role within it, is what was compiled."""
        return bool(self._matches(module, ""))

    def _matches(self, module: dspy.Module, where: str) -> list[tuple[str, Any, CompiledPredictor]]:
        if _name(module) == self.module:
            own = {path: predictor for path, predictor, _ in predictors_of(module)}
            missing = next((path for path in self.predictors if path not in own), None)
            if missing is not None:
                raise DataError(f"{where} holds a state for {missing}, which this version's {self.module} has not")
            return [(path, own[path], state) for path, state in self.predictors.items()]
        by_role: dict[tuple[str, str], CompiledPredictor] = {}
        for path, state in self.predictors.items():
            if not state.role:
                continue
            key = (state.role, path.rpartition(".")[2])
            if by_role.setdefault(key, state) != state:
                raise DataError(f"{where} holds two states of {state.role}: it is for {self.module} only")
        return [
            (path, predictor, by_role[role, path.rpartition(".")[2]])
            for path, predictor, role in predictors_of(module)
            if (role, path.rpartition(".")[2]) in by_role
        ]


def is_compiled(path: Path) -> bool:
    """Whether a file says that it is a compiled program of ours; a plain state that DSPy saved is none."""
    content = _content(path)
    return isinstance(content, dict) and "format" in content


def read_compiled(path: Path) -> CompiledProgram:
    """A compiled program from its file.

    Raises: DataError, in one line, where the file is no compiled program, of a newer version, or was changed.
    """
    content = _content(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{path} is no compiled program of SynthTools")
    if (version := content.get("version")) != VERSION:
        raise DataError(f"{path} is a compiled program of version {version}, this SynthTools reads version {VERSION}")
    told = content.pop("sha256", None)
    if told != hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest():
        raise DataError(f"{path} was changed after it was compiled: its content does not have the SHA-256 it names")
    return CompiledProgram.from_json(content, str(path))


def check_state(path: Path, module: dspy.Module) -> None:
    """Whether a state that DSPy saved is for the fields of a module, which DSPy matches by their places alone.

    A field is told by its prefix, which is made of its name; that of the last one may be an optimizer's.

    Raises: DataError, in one line, where fields are fewer, more, others or in another order. What is no state at all is
        left to who loads it.
    """
    content = _content(path)
    states = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    for place, predictor, _ in predictors_of(module):
        try:
            saved = [str(field["prefix"]) for field in states[place]["signature"]["fields"]]
        except (LookupError, TypeError):
            continue
        now = [str(info.json_schema_extra["prefix"]) for info in predictor.signature.fields.values()]
        if len(saved) != len(now):
            difference = f"it has {len(saved)} fields, and here are {len(now)}"
        else:
            pairs = list(zip(saved, now, strict=True))
            wrong = [(number, old, new) for number, (old, new) in enumerate(pairs, start=1) if old != new]
            if not wrong or (wrong[0][0] == len(now) and wrong[0][1] not in now):
                continue
            number, old, new = wrong[0]
            difference = f"its field {number} is {old.rstrip(':')!r}, and here it is {new.rstrip(':')!r}"
        raise DataError(
            f"{path} was saved for another {place} than this version's, and DSPy would give its descriptions to the "
            f"wrong fields: {difference}; compile it anew"
        )


def predictors_of(module: dspy.Module) -> Iterator[tuple[str, Any, str]]:
    """Every predictor of a module with its path and the class of the role that holds it (empty: none of ours)."""
    from synthtools.modules.role import Role

    roles: dict[int, str] = {}
    for _, part in module.named_sub_modules():
        if isinstance(part, Role):
            roles.update({id(value): type(part).__name__ for value in vars(part).values()})
    for path, predictor in cast("list[tuple[str, Any]]", module.named_predictors()):
        yield path, predictor, roles.get(id(predictor), "")


def state_of(module: dspy.Module) -> dict[str, CompiledPredictor]:
    """The state of every predictor of a module that may be optimized, by path."""
    return {
        path: CompiledPredictor(
            role=role,
            fields=fields_of(predictor),
            instructions=predictor.signature.instructions,
            demos=tuple(_plain_demo(demo) for demo in predictor.demos),
            decisions=copy.deepcopy(predictor.fields),
        )
        for path, predictor, role in predictors_of(module)
    }


def fields_of(predictor: Any) -> tuple[SignatureField, ...]:
    """The fingerprint of a predictor's signature."""
    signature = predictor.signature
    inputs = [
        SignatureField(name=name, kind="input", type=_type_name(info)) for name, info in signature.input_fields.items()
    ]
    outputs = [
        SignatureField(name=name, kind="output", type=_type_name(info))
        for name, info in signature.output_fields.items()
    ]
    return (*inputs, *outputs)


def instruction_diff(before: Mapping[str, CompiledPredictor], after: Mapping[str, CompiledPredictor]) -> dict[str, str]:
    """What changed in instructions and decisions, as a unified diff by predictor; unchanged ones are left out."""
    found: dict[str, str] = {}
    for path, state in after.items():
        old, new = _told(before[path]), _told(state)
        lines = list(difflib.unified_diff(old, new, f"{path} before", f"{path} after", lineterm=""))
        if lines:
            found[path] = "\n".join(lines)
    return found


def _told(state: CompiledPredictor) -> list[str]:
    decisions = [f"{name}: {orjson.dumps(settings).decode()}" for name, settings in state.decisions.items()]
    return [*state.instructions.splitlines(), *decisions]


def _content(path: Path) -> Json:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path} is no JSON: {error}") from error


def _plain_demo(demo: Any) -> JsonObject:
    content = dict(demo.items())
    content.pop("augmented", None)
    return cast(JsonObject, orjson.loads(orjson.dumps(content, default=_jsonable)))


def _jsonable(value: object) -> object:
    if isinstance(value, Record):
        return value.to_json()
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    raise TypeError(f"a demo holds a {type(value).__name__}, which is no JSON")


def _type_name(info: Any) -> str:
    mark = next((mark for mark in info.metadata if isinstance(mark, SchemaFrom)), None)
    if mark is not None:
        return f"schema from {mark.path}"
    annotation = info.annotation
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _difference(compiled: tuple[SignatureField, ...], now: tuple[SignatureField, ...]) -> str | None:
    before, after = {field.name: field for field in compiled}, {field.name: field for field in now}
    for name, field in before.items():
        if name not in after:
            return f"it had the {field.kind} {name}"
        if after[name] != field:
            now_is = f"an {after[name].kind} of type {after[name].type}"
            return f"its {field.kind} {name} was of type {field.type}, and is {now_is}"
    added = next((field for name, field in after.items() if name not in before), None)
    if added is not None:
        return f"it had no {added.kind} {added.name}"
    return None if compiled == now else "the order of its fields differs"


def _name(module: object) -> str:
    return type(module).__name__
