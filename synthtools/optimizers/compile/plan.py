"""What is compiled, how, with which cases and models: all that decides the outcome, and so names it."""

import hashlib

import dspy
import orjson

from synthtools.errors import ConfigError, DataError
from synthtools.modules.compiled import CasesUsed, state_of
from synthtools.optimizers.compile.methods import Method, Sizes
from synthtools.optimizers.compile.preflight import Preflight, estimate, probe
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.compile.trial import frozen
from synthtools.optimizers.definition import metric_used
from synthtools.optimizers.target import Target
from synthtools.optimizers.trainsets import Split, data_hash
from synthtools.types.canonical import content_hash
from synthtools.types.profile import Profile
from synthtools.types.record import JsonObject

_MOST_SEED = 2**32 - 1
"""What the generators of random numbers in DSPy's optimizers take."""


class Plan:
    """One compile: a target, its cases, a method and its models."""

    def __init__(
        self,
        target: Target,
        module: dspy.Module,
        method: Method,
        cases: Split,
        speakers: Speakers,
        *,
        search: Search | None = None,
        only: tuple[str, ...] = (),
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        """Plans a compile; nothing is asked yet.

        Args:
            target: What its inputs are, and what a good answer is.
            module: The program as it is; its predictors keep models of their own.
            method: How it is searched.
            cases: Train, validation and test.
            speakers: The models.
            search: How widely it is searched.
            only: Roles that may change; none named: all.
            seed: Of the search.
            threads: Cases asked at a time.

        Raises:
            ConfigError: `only` names no role of the module, a part has no cases, the method objects, or the seed is too
                large.
            DataError: A case is not the target's, ids repeat, or two parts share a field.
        """
        for name, part in cases._asdict().items():
            if not part:
                raise ConfigError(f"there are no {name} cases: give more cases, or other shares")
        _check(target, cases)
        if not 0 <= seed < _MOST_SEED:
            raise ConfigError(f"seed {seed}: a compile takes seeds from 0 to {_MOST_SEED - 1:,}")
        self.target, self.method, self.cases, self.speakers = target, method, cases, speakers
        self.search = search or Search()
        self.seed, self.threads = seed, threads
        self.module = frozen(module, only)
        if objection := method.objection(self.module, self.search, speakers.student):
            raise ConfigError(f"--method {method.name}: {objection}")
        self.sizes = Sizes(*(len(part) for part in cases), predictors=len(self.module.predictors()))
        self.data = CasesUsed(
            hash=data_hash([case for part in cases for case in part]),
            train=len(cases.train),
            validation=len(cases.validation),
            test=len(cases.test),
        )
        self.metric = metric_used(target.metric)
        self.settings: JsonObject = {
            "target": target.name,
            "metric": self.metric.to_json(),
            "method": method.name,
            "search": self.search.model_dump(mode="json"),
            "models": speakers.settings,
            "data": [data_hash(part) for part in cases],
            "only": list(only),
            "seed": seed,
            "program": {path: one.model_dump(mode="json") for path, one in state_of(self.module).items()},
        }
        profile = getattr(module, "profile", None)
        if isinstance(profile, Profile):
            self.settings["profile"] = profile.model_dump(mode="json")
        content = orjson.dumps(self.settings, option=orjson.OPT_SORT_KEYS)
        self.id = hashlib.sha256(content).hexdigest()[:16]
        """The same for the same target, metric, method, settings, models, cases and seed: it is gone on with."""

    @property
    def noted(self) -> JsonObject:
        """The settings as a run keeps them: the program by its hash."""
        return {**self.settings, "program": content_hash(self.settings["program"])}

    def preflight(self) -> Preflight:
        """What it may use at most; asks no model."""
        a_case = probe(self.target, self.module, self.cases.validation)
        judgements = self.target.judgements if self.speakers.judge is not None else 0
        return estimate(self.method, self.search, self.sizes, a_case, self.speakers, judgements)


def _check(target: Target, cases: Split) -> None:
    """Raises: DataError for a case that is not the target's, or that tells a later part of what an earlier one asks."""
    ids: set[str] = set()
    parts: dict[str, str] = {}
    for name, part in cases._asdict().items():
        for case in part:
            target.check(case)
            if case.id in ids:
                raise DataError(f"{case.source or case.id}: id: {case.id!r} stands twice; ids are unique")
            ids.add(case.id)
            if (other := parts.setdefault(case.field, name)) != name:
                raise DataError(f"the field {case.field!r} has {other} and {name} cases: parts never share a field")
