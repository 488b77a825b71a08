"""DSPy's optimizers print, draw bars and log as they go; people are shown our own progress instead."""

import contextlib
import logging
import os
import warnings
from collections.abc import Generator

_LOUD = ("dspy", "optuna", "gepa")


@contextlib.contextmanager
def quiet(*, logs: bool = False) -> Generator[None]:
    """What is printed in the block, in any thread, goes nowhere.

    Args:
        logs: Whether what libraries log is shown all the same.
    """
    levels = {name: logging.getLogger(name).level for name in _LOUD}
    with open(os.devnull, "w", encoding="utf-8") as nowhere, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            if not logs:
                for name in _LOUD:
                    logging.getLogger(name).setLevel(logging.CRITICAL)
            try:
                yield
            finally:
                for name, level in levels.items():
                    logging.getLogger(name).setLevel(level)
