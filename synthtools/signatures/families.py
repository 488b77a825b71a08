"""Which role each signature belongs to: the module it lives in, known without importing DSPy."""

from collections.abc import Iterable

FAMILIES: dict[str, tuple[str, ...]] = {
    "generator": (
        "GenerateSubfields",
        "GenerateScenarios",
        "DesignCollection",
        "PopulateCollection",
        "DesignTool",
        "WriteBehaviour",
        "PlanSequences",
    ),
    "simulator": ("CheckRules", "SimulateResponse"),
    "validator": ("WriteTestCalls", "JudgeResponse"),
    "evolver": ("FirstTurn", "NextTurn"),
    "solver": ("SolveTurn", "PlanSolution", "NextStep"),
    "judges": ("JudgeTurn", "JudgeSolution", "JudgeDisagreement", "JudgeTrajectory"),
    "summarizer": ("MergeTurns",),
}
"""Signatures by name, by the role of `synthtools.signatures` that they belong to."""

OTHER = "other"
"""The family of questions that are none of ours, such as a user's own signatures."""

_FAMILY_OF = {name: family for family, names in FAMILIES.items() for name in names}


def family_of(signature: str) -> str:
    """The role that a signature belongs to."""
    return _FAMILY_OF.get(signature, OTHER)


def models_by_family(asked: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The models that answered each role, sorted, in the order of the roles.

    Args:
        asked: Signature and model of calls, as a ledger has them.
    """
    found: dict[str, set[str]] = {}
    for signature, model in asked:
        found.setdefault(family_of(signature), set()).add(model)
    return {family: sorted(found[family]) for family in (*FAMILIES, OTHER) if family in found}
