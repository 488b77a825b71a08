"""Every error that SynthTools raises, as one tree.

```
SynthToolsError
├── UsageError                what the caller gave is wrong (exit code 2)
│   ├── ConfigError           a setting is unknown or out of range
│   ├── DataError             a file, row or record is malformed (says file, line and field)
│   ├── RunError              the run folder is missing, locked, damaged or of a newer version
│   │   └── DamagedRecord     one record of a run cannot be read: what needs it fails, the rest goes on
│   └── ToolCallSyntaxError   a text is not a tool call
├── ModelError                one model call gave nothing usable; `cause` says which boundary failed
│   ├── ProviderError         the model could not be reached or refused the request
│   │   ├── ModelUnreachable  nothing answers at the address (exit code 3 when every call ends so)
│   │   └── ContextTooSmall   the prompt does not fit the model's context (exit code 2 when it ends a command)
│   ├── ParseError            the answer is no JSON of the asked schema, even after bounded retries
│   │   └── TruncatedAnswer   the answer was cut by the token limit
│   └── AnswerRefused         well-formed answers, but none passed the role's own checks
├── WorldError                the deterministic half refused
│   ├── StateError            a state breaks its schema, its references or the JSON limits
│   ├── SandboxError          a behaviour crashed, ran out of time or memory, or answered no JSON
│   │   └── BehaviourRefused  the source may not run: imports, module-level state, clock, chance
│   ├── SimulatorError        an LLM simulator gave no valid answer for a call
│   └── ReplayError           a task cannot be replayed: its world is missing or its calls fail
├── Dropped                   an item is well made but not good enough: a quality verdict, never retried
├── BudgetExceeded            a budget of money, tokens, time or items is spent
└── WorkerLost                a Ray worker died while it did an item, as often as the item was tried
```

A bad rollout or a bad model answer is data, not a crash: programs turn a `ModelError` of one item into a recorded
failure with its cause, and only `UsageError` and an unreachable model end a command.
"""

from typing import Literal

FailureCause = Literal["provider", "parse", "parameter", "simulator", "agent", "judge", "task", "budget"]
"""Which boundary an unsolved rollout or a failed item is attributed to.

The first that applies, in this order; a rollout that was solved has none:

- `provider`: the model could not be reached or refused the request, and the rollout or item ended there.
- `parse`: the model's answers were no JSON of the asked schema, even after bounded retries.
- `budget`: a budget was spent before the end; of an item: it took longer than `run.item_seconds`.
- `simulator`: a tool had no valid answer (status 500), and the rollout did not come to its goal all the same.
- `task`: the task's own gold solution cannot be replayed or is not scored as solved; of an item: what was asked for
  could not be made.
- `judge`: all that code can check holds, and the word of a declared LLM judge is missing.
- `parameter`: the agent needed a call and never got it past the gate: wrong name, missing or wrong arguments.
- `agent`: anything else that the agent did or left out.

Only `parameter` and `agent` are the agent's own: a rollout with another cause has no reward.
"""


class SynthToolsError(Exception):
    """Root of the tree: `except SynthToolsError` catches everything we raise and nothing else."""

    exit_code = 1
    """Exit code of a command that this error ends."""


class UsageError(SynthToolsError):
    """What the caller gave is wrong; the message is one line saying what, where and what would be right."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, malformed or out of range."""


class DataError(UsageError):
    """A file, a row of it or a record is malformed."""


class RunError(UsageError):
    """A run folder is missing, in use, damaged, or was written by a newer version."""


class DamagedRecord(RunError):
    """One record of a run cannot be read; an item that needs it fails with that, and other items go on."""


class ToolCallSyntaxError(UsageError):
    """A text is not a tool call in any syntax we read."""


class ModelError(SynthToolsError):
    """One model call gave nothing usable."""

    cause: FailureCause = "provider"


class ProviderError(ModelError):
    """The model could not be reached, or refused the request, after the transport's own retries."""

    exit_code = 3


class ModelUnreachable(ProviderError):
    """Nothing answers at the model's address, or the model does not exist there."""


class ContextTooSmall(ProviderError):
    """The prompt and the room for its answer do not fit the model's context window."""

    exit_code = UsageError.exit_code


class ParseError(ModelError):
    """The answer is not JSON of the schema that was sent, after the bounded retries."""

    cause = "parse"


class TruncatedAnswer(ParseError):
    """The answer was cut by `max_tokens`; what came is never used."""


class AnswerRefused(ModelError):
    """Well-formed answers came, but none passed the role's deterministic checks within its attempts."""

    cause = "task"


class WorldError(SynthToolsError):
    """The deterministic half refused something; the state is untouched."""


class StateError(WorldError):
    """A state breaks its schema, its references or the JSON limits (NaN, infinities, |int| > 2**53)."""


class SandboxError(WorldError):
    """A behaviour crashed, ran out of its limits, or answered something that is no JSON."""


class BehaviourRefused(SandboxError):
    """A behaviour's source may not run at all; raised before it does."""


class SimulatorError(WorldError):
    """An LLM simulator gave no valid answer for a call, even after it was told why."""


class ReplayError(WorldError):
    """A task cannot be replayed: its world is not beside the file, or a gold call does not succeed."""


class Dropped(SynthToolsError):
    """A program's verdict that its item is not good enough; `str(error)` is the reason that the funnel counts."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail
        """What lies behind the reason, for whoever looks at the item."""


class BudgetExceeded(SynthToolsError):
    """A budget (money, tokens, calls, time) is spent; what is done is kept."""


class WorkerLost(SynthToolsError):
    """A Ray worker or its node is gone; raised for an item only when that happened as often as it may be tried."""
