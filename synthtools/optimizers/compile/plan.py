"""What is compiled, how, with which cases and models: all that decides the outcome, and so names it."""

import hashlib

import dspy
import orjson

from synthtools.errors import ConfigError
from synthtools.modules.compiled import CasesUsed, state_of
from synthtools.optimizers.compile.methods import Method, Sizes
from synthtools.optimizers.compile.preflight import Preflight, estimate, probe
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.compile.trial import frozen
from synthtools.optimizers.target import Target
from synthtools.optimizers.trainsets import Split, data_hash
from synthtools.types.record import JsonObject


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

        Raises: ConfigError where `only` names no role of the module, a part has no cases, or the method objects.
        """
        for name, part in cases._asdict().items():
            if not part:
                raise ConfigError(f"there are no {name} cases: give more cases, or other shares")
        self.target, self.method, self.cases, self.speakers = target, method, cases, speakers
        self.search = search or Search()
        self.seed, self.threads = seed, threads
        self.module = frozen(module, only)
        if objection := method.objection(self.module, self.search):
            raise ConfigError(f"--method {method.name}: {objection}")
        self.sizes = Sizes(*(len(part) for part in cases), predictors=len(self.module.predictors()))
        self.data = CasesUsed(
            hash=data_hash([case for part in cases for case in part]),
            train=len(cases.train),
            validation=len(cases.validation),
            test=len(cases.test),
        )
        self.settings: JsonObject = {
            "target": target.name,
            "method": method.name,
            "search": self.search.model_dump(mode="json"),
            "models": speakers.settings,
            "data": [data_hash(part) for part in cases],
            "only": list(only),
            "seed": seed,
            "program": {path: one.model_dump(mode="json") for path, one in state_of(self.module).items()},
        }
        content = orjson.dumps(self.settings, option=orjson.OPT_SORT_KEYS)
        self.id = hashlib.sha256(content).hexdigest()[:16]
        """The same for the same target, method, settings, models, cases and seed: such a compile is gone on with."""

    def preflight(self) -> Preflight:
        """What it may use at most; asks no model."""
        a_case = probe(self.target, self.module, self.cases.validation)
        return estimate(self.method, self.search, self.sizes, a_case, self.speakers)
