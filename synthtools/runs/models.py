"""The models of a run: that of every role, and the one to fall back to; and the programs on them."""

import hashlib
import importlib
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from synthtools.config import ModelSettings, RoleModel, RoleModels, Settings
from synthtools.errors import ConfigError
from synthtools.runs.stages import Program, Stage
from synthtools.signatures.families import family_of
from synthtools.world.transitions import Transitions

if TYPE_CHECKING:
    from synthtools.backends.replicas import ReplicaState


class Models:
    """Reaches the models that the settings name, and makes programs that use them. DSPy is imported here."""

    def __init__(
        self, settings: Settings, program_files: Mapping[str, Path], transitions: Transitions | None = None
    ) -> None:
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
        self.main: Any = self._model(settings.model)
        self.roles: dict[str, Any] = {role: self._model(settings.model_of(role)) for role in RoleModels.model_fields}
        """The model of each role."""
        fallback = settings.fallback_model
        self._fallback: Any = None if fallback is None else self._model(fallback)

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

    def replicas(self) -> tuple["ReplicaState", ...]:
        """How the servers of all models are doing; none for models in this process."""
        from synthtools.backends.registry import replica_states

        return tuple(state for model in self._reached.values() for state in replica_states(model))

    def program(self, stage: Stage) -> Program:
        """A stage's program, with its saved state where one is given, each role on its own model."""
        return self._program(stage, self.roles)

    def fallback_program(self, stage: Stage) -> Program:
        """A stage's program with every role on the fallback model."""
        return self._program(stage, dict.fromkeys(self.roles, self._fallback))

    def _program(self, stage: Stage, roles: Mapping[str, Any]) -> Program:
        from synthtools.modules.role import Role
        from synthtools.modules.validator import ResponseJudge

        program: Any = stage.load_program(self._settings.profile)
        path = self._program_files.get(stage.name)
        if path is not None:
            try:
                program.load(str(path))
            except (OSError, ValueError, KeyError) as error:
                raise ConfigError(f"--program {path}: no saved state of {type(program).__name__}: {error}") from error
        if stage.worlds:
            program.transitions = self._transitions
        for _, module in program.named_sub_modules():
            if isinstance(module, Role):
                role = family_of(type(module).signature.__name__)
                if isinstance(module, ResponseJudge) and self._settings.role(role) == RoleModel():
                    role = "judges"
                model = roles.get(role)
                if model is not None and model is not self.main:
                    cast(Any, module).set_lm(model)
        return cast(Program, program)

    def _model(self, model: ModelSettings) -> Any:
        """The model of some settings; those that differ in their sampling alone share connections and memory."""
        from synthtools.backends.registry import build_lm

        sampling = model.model_dump(include={"temperature", "top_p", "seed", "max_tokens"})
        key = model.model_dump_json(include={"name", "api_base", "timeout", "options"})
        if key in self._reached:
            first = self._reached[key]
            changed = {name: value for name, value in sampling.items() if first.kwargs.get(name) != value}
            return first.copy(**changed) if changed else first
        self._reached[key] = build_lm(
            model.name,
            api_base=list(model.api_base) or None,
            timeout=model.timeout,
            concurrency=self._settings.concurrency_of(model.name),
            **sampling,
            **cast("dict[str, Any]", model.options),
        )
        return self._reached[key]


def _dspy() -> Any:
    """DSPy, imported on first use; its own types are partly unknown."""
    return importlib.import_module("dspy")


def program_hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of each saved program. Raises: ConfigError where one cannot be read."""
    hashes: dict[str, str] = {}
    for stage, path in files.items():
        try:
            hashes[stage] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError(f"--program {path}: {error.strerror}") from error
    return hashes
