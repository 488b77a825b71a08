"""Flaws that no look at one process shows: answers that hang on hash order, or on what was asked before."""

from synthtools.world.behaviour import Behaviour


def _with_name(run, name):
    def flawed(self, *args, **kwargs):
        outcome = run(self, *args, **kwargs)
        return outcome._replace(data={**outcome.data, "name": name()})

    return flawed


def _hash_order(run):
    return _with_name(run, lambda: "".join(set("abcdefghijklmnopqrstuvwxyz")))


def _earlier_tasks(run):
    asked = []

    def name():
        asked.append(None)
        return f"answer {len(asked)}"

    return _with_name(run, name)


FLAWS = {"hash order": _hash_order, "earlier tasks": _earlier_tasks}


def tamper(flaw: str) -> None:
    """Builds a flaw into the behaviours of this process."""
    Behaviour.run = FLAWS[flaw](Behaviour.run)
