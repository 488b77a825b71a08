"""A scripted lending library: a deterministic stand-in that plays every role on one small world.

Whatever the field, the world is a library with books and loans. The roles do their part honestly, from what their
prompts show: behaviours are source that certification accepts, requests are fixed sentences around the given values,
and the solver finds its calls in those sentences alone. So runs end in certified tasks and solved rollouts, in seconds
and without a model. `scripted/library` is this script in process.
"""

from synthtools.backends.library.roles import ROLES
from synthtools.backends.scripted import Script, fitting_answer

LIBRARY = Script(ROLES, otherwise=fitting_answer)
"""The script; roles it does not know get fitting data."""

__all__ = ["LIBRARY"]
