"""The models of a run: that of every role, and the one to fall back to; and the programs on them."""

import hashlib
import importlib
import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from synthtools.config import ModelSettings, RoleModel, RoleModels, Settings
from synthtools.errors import ConfigError
from synthtools.runs.stages import STAGES, Program, Stage
from synthtools.signatures.families import family_of
from synthtools.types.profile import Profile
from synthtools.world.transitions import Transitions

if TYPE_CHECKING:
    from synthtools.backends.replicas import ServersState

ProgramFiles = Mapping[str, Sequence[Path]]
"""Saved states of programs by stage, in the order in which they are loaded."""


class Models:
    """Reaches the models that the settings name, and makes programs that use them. DSPy is imported here."""

    def __init__(self, settings: Settings, program_files: ProgramFiles, transitions: Transitions | None = None) -> None:
        """Sets up the models.

        Args:
            settings: The names and sampling of the models, and the profile of the programs.
            program_files: Saved states of programs, by stage.
            transitions: Recorded calls that the programs' worlds share.

        Raises: ConfigError for a model or setting that does not exist.
        """
        self._settings = settings
        self._program_files = program_files
        self._transitions = transitions
        self._reached: dict[str, Any] = {}
        fallback = settings.fallback_model
        self._fallback: Any = None
        self._fallback = None if fallback is None else self._model(fallback)
        self.main: Any = self._model(settings.model)
        self.roles: dict[str, Any] = {role: self._model(settings.model_of(role)) for role in RoleModels.model_fields}
        """The model of each role."""

    @contextmanager
    def used(self) -> Generator[None]:
        """A block in which programs use the main model, with our adapter and without DSPy's growing histories."""
        from synthtools.backends.registry import adapter

        dspy = _dspy()
        logging.getLogger("dspy").setLevel(logging.ERROR)  # its remarks on answers are ours to make
        with dspy.context(
            lm=self.main, adapter=adapter(), trace=None, disable_history=True, warn_on_type_mismatch=False
        ):
            yield

    def prepare(self) -> None:
        """Does now what the models would do once at their first calls: imports would stall the others in flight."""
        from synthtools.backends.registry import prepare

        for model in self._reached.values():
            prepare(model)

    def servers(self) -> tuple["ServersState", ...]:
        """How the servers of each model are doing; none for models in this process."""
        from synthtools.backends.registry import servers_state

        return tuple(state for model in self._reached.values() if (state := servers_state(model)) is not None)

    def fallback_line(self) -> str:
        """What the fallback model did so far in place of the others; empty where it was not needed."""
        from synthtools.backends.registry import fallback_line

        return "; ".join(line for model in self._reached.values() if (line := fallback_line(model)))

    def program(self, stage: Stage) -> Program:
        """A stage's program, with its saved states where some are given, each role on its own model.

        Raises: DataError, ConfigError for a file that is no state of it.
        """
        program: Any = stage.load_program(self._settings.profile)
        for path in self._program_files.get(stage.name, ()):
            load_program(program, path)
        if stage.worlds:
            program.transitions = self._transitions
        self.assign(program)
        self._check_decisions(program)
        return cast(Program, program)

    def _check_decisions(self, program: Any) -> None:
        from synthtools.modules.role import check_decisions

        check_decisions(program, self.main)

    def assign(self, program: Any) -> None:
        """Gives each role of a program its own model, where the settings name one."""
        from synthtools.modules.role import Role
        from synthtools.modules.validator import ResponseJudge

        for _, module in program.named_sub_modules():
            if isinstance(module, Role):
                role = family_of(type(module).signature.__name__)
                if isinstance(module, ResponseJudge) and self._settings.role(role) == RoleModel():
                    role = "judges"
                model = self.roles.get(role)
                if model is not None and model is not self.main:
                    cast(Any, module).set_lm(model)

    def named(self, name: str, api_base: Sequence[str] = ()) -> Any:
        """Another model by its name, with the settings of the main one as far as they are not its own alone.

        Args:
            name: `prefix/rest`.
            api_base: Addresses of its server; empty: as the main one's.
        """
        settings = self._settings.named(name)
        return self._model(settings.model_copy(update={"api_base": tuple(api_base)}) if api_base else settings)

    def _model(self, model: ModelSettings) -> Any:
        """The model of some settings; those that differ in their sampling alone share connections and memory."""
        from synthtools.backends.registry import build_lm

        sampling = model.model_dump(include={"temperature", "top_p", "seed", "max_tokens"})
        key = model.model_dump_json(include={"name", "api_base", "timeout", "affinity", "options"})
        if key in self._reached:
            first = self._reached[key]
            changed = {name: value for name, value in sampling.items() if first.kwargs.get(name) != value}
            return first.copy(**changed) if changed else first
        self._reached[key] = build_lm(
            model.name,
            api_base=list(model.api_base) or None,
            timeout=model.timeout,
            affinity=model.affinity,
            concurrency=self._settings.concurrency_of(model.name),
            fallback=self._fallback,
            **sampling,
            **cast("dict[str, Any]", model.options),
        )
        return self._reached[key]


def _dspy() -> Any:
    """DSPy, imported on first use; its own types are partly unknown."""
    return importlib.import_module("dspy")


def load_program(program: Any, path: Path) -> None:
    """Loads a compiled program, or a saved state, into a program.

    Raises: ConfigError, DataError in one line where the file is not for it.
    """
    try:
        program.load(str(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--program {path}: no saved state of {type(program).__name__}: {error}") from error


def check_programs(settings: Settings, files: ProgramFiles) -> None:
    """Whether saved programs, where they decide on probabilities, are for models that give them; calls none.

    Models are set up only for programs that do: what is forecast here may be meant for another machine.

    Raises: ConfigError naming the model that does not; DataError, ConfigError for a file that is not for its stage.
    """
    from synthtools.modules.compiled import predictors_of

    for name, paths in files.items():
        saved: Any = STAGES[name].load_program(settings.profile)
        for path in paths:
            load_program(saved, path)
        if any(predictor.fields for _, predictor, _ in predictors_of(saved)):
            Models(settings, files).program(STAGES[name])


def stages_with(path: Path, stages: Sequence[Stage], profile: Profile) -> list[Stage]:
    """The stages whose programs hold what a compiled program is for.

    Raises: DataError where the file is none, or was changed.
    """
    from synthtools.modules.compiled import read_compiled

    compiled = read_compiled(path)
    return [stage for stage in stages if compiled.fits(cast(Any, stage.load_program(profile)))]


def program_hashes(files: ProgramFiles) -> dict[str, str]:
    """SHA-256 of the saved programs of each stage. Raises: ConfigError where one cannot be read."""
    hashes: dict[str, str] = {}
    for stage, paths in files.items():
        found: list[str] = []
        for path in paths:
            try:
                found.append(hashlib.sha256(path.read_bytes()).hexdigest())
            except OSError as error:
                raise ConfigError(f"--program {path}: {error.strerror}") from error
        hashes[stage] = " ".join(found)
    return hashes
