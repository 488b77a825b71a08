"""Who is asking: the stage, item and role that a model call is made for, local to the task or thread."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from synthtools.backends.ledger import Amend, Journal, LedgerSink


@dataclass(frozen=True, slots=True)
class Scope:
    """What the calls in a block belong to."""

    stage: str = ""
    item: str = ""
    role: str = ""
    """Name of the role; empty: the signature's name is used."""
    attempt: int = 0
    """How often this role has tried for this item; part of the journal's key."""
    journal: Journal | None = None
    """Answers to replay; None: every call is made."""
    ledger: LedgerSink | None = None
    before_call: Callable[[], None] | None = None
    """Called before each paid call; may raise BudgetExceeded."""
    variation: int = 0
    """Added to the seed of every model: other than 0 where the same question must get another answer."""
    retry: bool = False
    """Whether the question was asked before and is asked again with what was wrong."""
    made: list[Amend] = field(default_factory=list[Amend], compare=False)
    """Of the answers that this attempt of the role was given, and did not have from the journal."""

    def discard(self, outcome: str) -> None:
        """Tells the ledger that the answers of this attempt are not used; `outcome`: the name of the error."""
        for amend in self.made:
            amend(outcome)


_UNSCOPED = Scope()
_scope: ContextVar[Scope] = ContextVar("synthtools_scope", default=_UNSCOPED)


def current_scope() -> Scope:
    """The scope of the running task or thread."""
    return _scope.get()


def current_role() -> str:
    """The role that is asking; empty outside of `role(...)`."""
    return _scope.get().role


@contextmanager
def scope(
    *,
    stage: str | None = None,
    item: str | None = None,
    journal: Journal | None = None,
    ledger: LedgerSink | None = None,
    before_call: Callable[[], None] | None = None,
    variation: int | None = None,
) -> Generator[Scope]:
    """Attributes the model calls of a block; what is not given is kept from the scope around it."""
    outer = _scope.get()
    inner = replace(
        outer,
        stage=outer.stage if stage is None else stage,
        item=outer.item if item is None else item,
        journal=outer.journal if journal is None else journal,
        ledger=outer.ledger if ledger is None else ledger,
        before_call=outer.before_call if before_call is None else before_call,
        variation=outer.variation if variation is None else variation,
    )
    with _entered(inner):
        yield inner


@contextmanager
def role(name: str, attempt: int = 0, *, retry: bool = False) -> Generator[Scope]:
    """Names the role and the attempt of the model calls of a block."""
    inner = replace(_scope.get(), role=name, attempt=attempt, retry=retry, made=[])
    with _entered(inner):
        yield inner


@contextmanager
def _entered(inner: Scope) -> Generator[None]:
    token = _scope.set(inner)
    try:
        yield
    finally:
        _scope.reset(token)
