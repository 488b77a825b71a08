"""A model string with its connection settings, as a backend's factory takes it."""

from collections.abc import Iterable

from synthtools.errors import ConfigError
from synthtools.types.record import Json, Record


class ModelSpec(Record):
    """What is needed to reach a model; holds no secret (keys come from the environment)."""

    name: str
    """The whole model string, `prefix/rest`."""
    api_bases: tuple[str, ...] = ()
    timeout: float | None = None
    """Seconds for one try of one call; None: the backend's own."""
    retries: int | None = None
    """Most retries of what may pass (busy, broken off, slow, unreachable); None: by kind, 1 to 5."""
    concurrency: int | None = None
    """Most calls in flight; None: the backend's own."""
    affinity: bool = True
    """Whether calls whose prompts begin alike prefer one of several servers; if not, the least busy one takes each."""
    settings: dict[str, Json] = {}
    """Settings of the backend itself, for example `n_ctx` of `embedded/`."""

    @property
    def prefix(self) -> str:
        """What selects the backend."""
        return self.name.partition("/")[0]

    @property
    def path(self) -> str:
        """The model's name within the backend."""
        return self.name.partition("/")[2]

    def only(self, known: Iterable[str]) -> None:
        """Raises ConfigError for a setting that the backend does not have."""
        accepted = sorted(known)
        unknown = sorted(set(self.settings) - set(accepted))
        if unknown:
            takes = ", ".join(accepted) or "none"
            raise ConfigError(f"{self.name}: unknown setting {', '.join(unknown)}; settings of {self.prefix}/: {takes}")
