"""The command line, with the word sorter among what can be compiled."""

import signal

from synthtools.cli import app
from synthtools.optimizers.targets import TARGETS
from tests.optimizers.quiz import TARGET

TARGETS[TARGET.name] = TARGET

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()
