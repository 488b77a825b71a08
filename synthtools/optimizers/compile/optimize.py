"""The Python door to a compile: `st.optimize("response-judge", cases="cases.jsonl", method="gepa")`."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dspy

from synthtools.errors import BudgetExceeded, ConfigError
from synthtools.modules.compiled import CompiledProgram
from synthtools.optimizers.case import Case
from synthtools.optimizers.compile.caps import Limits
from synthtools.optimizers.compile.compiling import carry_out
from synthtools.optimizers.compile.methods import method_named
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.progress import Progress
from synthtools.optimizers.compile.result import CompileResult
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.compile.stopping import CompileStopped
from synthtools.optimizers.target import Target
from synthtools.optimizers.targets import TARGETS
from synthtools.optimizers.trainsets import SHARES, Shares, Split, read_cases, split
from synthtools.runs.store import Store
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.usage import Price

_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class Compiled:
    """What `optimize` gives: the program to use, and what came of the compile."""

    module: Any
    """The role or program with the best instructions and demos that were found."""
    result: CompileResult

    @property
    def program(self) -> CompiledProgram:
        """The compiled state, with its scores before and after."""
        return self.result.program

    def save(self, path: str | Path) -> None:
        """Writes the state as a file for `load` and `--program`."""
        self.program.write(Path(path))

    def _repr_html_(self) -> str:
        scores = self.program.scores
        rows = "".join(
            f"<tr><td>{name}</td><td>{one.mean:.3f}</td><td>{one.low:.3f} to {one.high:.3f}</td></tr>"
            for name, one in (("before", scores.before), ("after", scores.after), ("gain", scores.gain))
        )
        verdict = "recommended" if self.program.recommended else "not recommended: no gain beyond chance"
        head = "<tr><th></th><th>score</th><th>95 % interval</th></tr>"
        table = f"<table>{head}{rows}</table>"
        return f"<b>{self.program.target}</b>, {scores.cases} test cases: {verdict}{table}{scores.scope}"


def optimize(
    target: str | Target | dspy.Module,
    *,
    cases: str | Path | Sequence[Case] | Split,
    method: str = "bootstrap",
    run: str | Path | None = None,
    teacher: dspy.LM | None = None,
    judge: dspy.LM | None = None,
    search: Search | None = None,
    only: Sequence[str] = (),
    limits: Limits | None = None,
    prices: Mapping[str, Price] | None = None,
    shares: Shares = SHARES,
    seed: int = 0,
    profile: Profile = STANDARD,
    threads: int | None = None,
) -> Compiled:
    """Compiles a role or program for the model that is set (`with st.model(...):` or `st.configure(...)`).

    Args:
        target: What to compile: a name of `synthtools optimize`, a `Target` of yours, or a module of a known target,
            which is compiled as it is.
        cases: A file of cases, cases to be split by field, or a split.
        method: bootstrap, mipro, gepa, copro, simba or reanchor.
        run: Folder of the run that keeps every answer, so that an interrupted compile goes on; None: nothing is kept.
        teacher: Model that answers for demos and proposes instructions; None: the model that is set.
        judge: Model that a metric asks what code cannot say; None: the model that is set.
        search: How widely it is searched.
        only: Roles within the program that may change; none: all.
        limits: Hard caps; None: none.
        prices: US dollars for a million tokens by model string; of every model, where `limits` has a cap in money.
        shares: Of training, validation and test cases.
        seed: Of the split and the search.
        profile: What a program of that profile is like.
        threads: Cases asked at a time; None: 1 for a model in this process, else 8.

    Raises:
        ConfigError: No model is set, or there is no such target, method or role.
        DataError: The cases are not the target's, or of too few fields.
        ProviderError: The model failed; with `run`, the same call goes on.
        BudgetExceeded: A limit was reached before there was anything to compare.
        KeyboardInterrupt: It was interrupted; with `run`, the same call goes on.
    """
    known, module = _known(target, profile)
    student = cast(Any, dspy.settings.lm)
    if student is None:
        raise ConfigError("no model is set: use `with synthtools.model(NAME):` or synthtools.configure(NAME)")
    models: dict[str, Any] = {"student": student, "teacher": teacher or student}
    if known.judgements:
        models["judge"] = judge or student
    names = {speaker: str(lm.model) for speaker, lm in models.items()}
    if limits is not None and limits.usd is not None:
        _check_prices({*names.values(), *(lm.model for lm in _own_models(module))}, prices or {})
    plan = Plan(
        known,
        module,
        method_named(method),
        _split(cases, seed, shares),
        Speakers(
            student=student,
            teacher=models["teacher"],
            names=names,
            settings={speaker: _deciding(lm) for speaker, lm in models.items()},
            prices=prices,
            judge=models.get("judge"),
        ),
        search=search,
        only=tuple(only),
        seed=seed,
        threads=threads or (1 if student.model.startswith("embedded/") else _IN_FLIGHT),
    )
    try:
        if run is not None:
            with Store(Path(run), create=True) as store:
                result = carry_out(plan, store, limits or Limits(), Progress())
        else:
            with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "run", create=True) as store:
                result = carry_out(plan, store, limits or Limits(), Progress())
    except CompileStopped as stop:
        if stop.is_cap:
            raise BudgetExceeded(f"{stop} before there was anything to compare") from None
        raise KeyboardInterrupt from None
    made = module.deepcopy()
    result.program.apply(made, "the compiled program")
    return Compiled(made, result)


def _known(target: str | Target | dspy.Module, profile: Profile) -> tuple[Target, Any]:
    if isinstance(target, Target):
        return target, target.build(profile)
    if isinstance(target, str):
        if target not in TARGETS:
            raise ConfigError(f"there is nothing named {target} to compile; there are {', '.join(TARGETS)}")
        return TARGETS[target], TARGETS[target].build(profile)
    for known in TARGETS.values():
        if type(known.build(profile)) is type(target):
            return known, target
    raise ConfigError(f"{type(target).__name__} is the module of no known target: give a Target of your own")


def _split(cases: str | Path | Sequence[Case] | Split, seed: int, shares: Shares) -> Split:
    if isinstance(cases, Split):
        return cases
    return split(read_cases(cases) if isinstance(cases, str | Path) else cases, seed, shares)


def _own_models(module: Any) -> list[Any]:
    return [predictor.lm for predictor in module.predictors() if predictor.lm is not None]


def _check_prices(names: set[str], prices: Mapping[str, Price]) -> None:
    if unknown := sorted(names - prices.keys()):
        raise ConfigError(f"a limit in US dollars needs `prices` of {', '.join(unknown)}")


def _deciding(lm: Any) -> Any:
    """What decides a model's answers: its name and sampling."""
    return {"name": lm.model, **{key: value for key, value in sorted(lm.kwargs.items()) if key != "api_base"}}
