"""How a compile ends before its time: by a cap, by its user, or by a failure that says nothing about quality."""

from typing import Literal

Reason = Literal["calls", "tokens", "usd", "interrupted", "failed"]


class CompileStopped(BaseException):
    """Ends a compile from within an optimizer.

    DSPy's evaluators score an `Exception` as a bad answer and go on; this one passes through them, as a
    KeyboardInterrupt does. It never leaves the package: whoever compiles turns it into a result or an error.
    """

    def __init__(self, reason: Reason, text: str, error: BaseException | None = None) -> None:
        super().__init__(text)
        self.reason: Reason = reason
        self.error = error
        """What failed, where the reason is `failed`."""

    @property
    def is_cap(self) -> bool:
        """Whether a cap is reached: what was found so far is used."""
        return self.reason in ("calls", "tokens", "usd")
