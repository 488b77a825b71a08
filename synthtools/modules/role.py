"""The base of every role: a signature, deterministic checks, bounded repair."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import dspy

from synthtools.backends.scope import current_scope
from synthtools.backends.scope import role as role_scope
from synthtools.errors import AnswerRefused, ConfigError, DataError, ParseError, TruncatedAnswer
from synthtools.modules.compiled import check_state, is_compiled, predictors_of, read_compiled
from synthtools.modules.decider import Decider, gives_logprobs
from synthtools.types.record import Json

Result = TypeVar("Result")

PARSE_RETRIES = 2
"""Further tries for an answer that was cut or is not JSON of its schema."""


def run_blocking(awaitable: Awaitable[Result]) -> Result:
    """Runs a coroutine to its end from synchronous code, inside or outside a running event loop (notebooks).

    The caller's context (`dspy.context`, scopes) is kept.
    """

    async def main() -> Result:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    context = contextvars.copy_context()
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(context.run, asyncio.run, main()).result()


def check_decisions(module: dspy.Module, main: Any) -> None:
    """Whether what a module decides on probabilities is asked of models that give them.

    Args:
        module: Its predictors may have models of their own.
        main: The model of all others.

    Raises: ConfigError naming the model that does not.
    """
    for path, predictor, role in predictors_of(module):
        lm: Any = predictor.lm or main
        if predictor.fields and not gives_logprobs(lm):
            raise ConfigError(
                f"{role or path} is calibrated on token probabilities (logprobs), which {lm.model} does not give"
            )


class Blocking(dspy.Module):
    """A module written once, as `aforward`; calling it without `await` runs that to its end."""

    if TYPE_CHECKING:
        # A module gives what its `aforward` gives; DSPy's own annotation says Prediction.
        def __call__(self, *args: Any, **inputs: Any) -> Any:
            """Runs `forward`."""

        async def acall(self, *args: Any, **inputs: Any) -> Any:
            """Runs `aforward`."""

    async def aforward(self, **inputs: Any) -> Any:
        """The module's work; subclasses name their inputs."""
        raise TypeError(f"{type(self).__name__} does not define aforward")

    def forward(self, **inputs: Any) -> Any:
        """The same as `aforward`, for callers without an event loop."""
        return run_blocking(self.aforward(**inputs))

    def load(self, path: str | Path, **options: Any) -> None:
        """Loads a compiled program, or a state that `save` wrote.

        Args:
            path: The file.
            options: As `dspy.Module.load` takes them, for a saved state.

        Raises: DataError for a file that is neither, or a compiled program that was changed, or for either where it is
            for other signatures or another role.
        """
        file = Path(path)
        if file.suffix == ".json":
            if is_compiled(file):
                read_compiled(file).apply(self, str(path))
                return
            check_state(file, self)
        try:
            super().load(path, **options)
        except (LookupError, TypeError, AttributeError, ValueError, NotImplementedError) as error:
            raise DataError(f"{path} holds no state of {type(self).__name__}: {error!r}") from error


class Role(Blocking):
    """One question of a role: ask, check in code, tell the model what was wrong, ask again with a new seed.

    Subclasses set `signature` and define `aforward`, which calls `ask` once.
    """

    signature: type[dspy.Signature]
    demos: tuple[dspy.Example, ...] = ()
    """Worked answers shown before the question; an optimizer may replace them."""
    attempts: int = 3
    """Well-formed answers that may be refused before `AnswerRefused`, the last try included."""
    max_tokens: int | None = None
    """Room for one answer; None: the model's own setting."""

    def __init__(self, *, attempts: int | None = None) -> None:
        super().__init__()
        self.predict = Decider(self.signature)
        self.predict.demos = list(self.demos)
        if attempts is not None:
            self.attempts = attempts

    async def ask(
        self,
        build: Callable[[dspy.Prediction], Result],
        *,
        first_attempt: int = 0,
        feedback: str = "",
        **inputs: Json | Any,
    ) -> Result:
        """Asks until `build` accepts an answer.

        Args:
            build: Makes the result of an answer. It raises `AnswerRefused` with a message for the model to refuse it.
            first_attempt: Number of the first attempt; attempts differ in their seed, so a caller that asks the same
                question again passes a number not yet used.
            feedback: What was wrong before, told with the first attempt already.
            inputs: The signature's inputs, `feedback` apart.

        Raises:
            AnswerRefused: every attempt was refused by `build`; the message is the last reason.
            ParseError: answers were cut or malformed more often than `PARSE_RETRIES`.
            ProviderError: the model could not be reached.
            ConfigError: no model is set.
        """
        if self.predict.lm is None and dspy.settings.lm is None:
            raise ConfigError("no model is set: use `with synthtools.model(NAME):` or synthtools.configure(NAME)")
        name = self.signature.__name__
        attempt, refused, malformed = first_attempt, 0, 0
        while True:
            config: dict[str, Any] = {"seed": self._seed(attempt)}
            if self.max_tokens is not None:
                config["max_tokens"] = self.max_tokens
            with role_scope(name, attempt, retry=bool(feedback)) as asking:
                try:
                    return build(await self.predict.acall(config=config, feedback=feedback, **inputs))
                except AnswerRefused as error:
                    asking.discard(AnswerRefused.__name__)
                    refused += 1
                    if refused >= self.attempts:
                        raise
                    feedback = str(error)
                except ParseError as error:
                    asking.discard(type(error).__name__)
                    malformed += 1
                    if malformed > PARSE_RETRIES:
                        raise
                    told_to_be_brief = isinstance(error, TruncatedAnswer)
                    feedback = "The answer was too long. Be brief." if told_to_be_brief else str(error)
            attempt += 1

    def _seed(self, attempt: int) -> int:
        """The model's configured seed for the first attempt, its successors for the later ones."""
        model = cast(Any, self.predict.lm or dspy.settings.lm)
        configured = cast(dict[str, Any], getattr(model, "kwargs", {})).get("seed")
        return int(configured or 0) + current_scope().variation + attempt
