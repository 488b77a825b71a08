"""The models of a run: the one that works, the one that judges, the one to fall back to; and the programs on them."""

import hashlib
import importlib
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from synthtools.config import Settings
from synthtools.errors import ConfigError
from synthtools.runs.stages import Program, Stage
from synthtools.world.transitions import Transitions


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
        from synthtools.backends.registry import build_lm

        model = settings.model
        reached: dict[str, Any] = {
            "temperature": model.temperature,
            "top_p": model.top_p,
            "seed": model.seed,
            "max_tokens": model.max_tokens,
            "timeout": model.timeout,
            "concurrency": settings.concurrency,
        }
        self._settings = settings
        self._program_files = program_files
        self._transitions = transitions
        bases = list(model.api_base) or None
        self.main: Any = build_lm(model.name, api_base=bases, **reached, **cast("dict[str, Any]", model.options))
        self._judge: Any = None
        if settings.judge.name is not None:
            self._judge = build_lm(settings.judge.name, api_base=list(settings.judge.api_base) or bases, **reached)
        self._fallback: Any = None
        if model.fallback is not None:
            self._fallback = build_lm(model.fallback, api_base=bases, **reached)

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

    def varied(self, by: int) -> AbstractContextManager[object]:
        """A block in which first tries have a seed that much further on."""
        return _dspy().context(lm=self.main.copy(seed=self._settings.model.seed + by))

    @property
    def fallen_back(self) -> Callable[[], AbstractContextManager[object]] | None:
        """A block on the fallback model; None: there is none."""
        model = self._fallback
        return None if model is None else lambda: _dspy().context(lm=model)

    def program(self, stage: Stage) -> Program:
        """A stage's program, with its saved state where one is given, its judges on the judge's model."""
        from synthtools.modules.judges import DisagreementJudge, SolutionJudge, TrajectoryJudge, TurnJudge
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
        if self._judge is not None:
            judges = (TurnJudge, SolutionJudge, TrajectoryJudge, DisagreementJudge, ResponseJudge)
            modules: list[Any] = [module for _, module in program.named_sub_modules() if type(module) in judges]
            for module in modules:
                module.set_lm(self._judge)
        return cast(Program, program)


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
