"""What runs are worth: tools certified, tasks by grade, broken solutions told apart, rollouts solved.

`python benchmarks/quality.py RUN [RUN ...] [--json]`. Compare two versions on runs with the same fields, model, seed
and profile; the numbers do not depend on the machine's speed. Shares are given with their 95 % Wilson intervals.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import synthtools as st
from synthtools.types.interval import wilson


def measure(folder: Path) -> Counter[str]:
    """What one run made and lost."""
    found: Counter[str] = Counter()
    with st.open_run(folder) as run:
        for env in run.environments():
            found["tools designed"] += len(env.tools) + sum(drop.part.startswith("tool:") for drop in env.drops)
            found["tools certified"] += sum(code.certified for code in env.code.values())
        for audited in run.audits():
            found["tools kept by the audit"] += len(audited.reliable)
        for task in run.tasks():
            certificate = task.certificate
            assert certificate is not None
            found[f"tasks {certificate.grade}"] += 1
            found["tasks that change the state"] += task.final_state != task.initial_state
            found["tasks of two calls or more"] += len(task.gt_tool_calls) > 1
            found["broken solutions tried"] += certificate.variants
            found["broken solutions refused"] += certificate.killed
        for rollout in run.trajectories():
            assert rollout.verdict is not None
            found["rollouts"] += 1
            found["rollouts scored"] += rollout.verdict.reward is not None
            found["rollouts solved"] += rollout.verdict.passed
            if rollout.verdict.cause is not None:
                found[f"unsolved: {rollout.verdict.cause}"] += 1
        status = run.status()
        sequences = status.stages["task-generation"]
        found["sequences"] += sequences.done + sequences.dropped + sequences.failed
        found["model calls"] += status.usage.calls
    return found


def share(found: Counter[str], part: str, whole: str) -> str:
    """A share in words: `9 of 10 (90 %, 60 to 98 %)`."""
    low, high = wilson(found[part], found[whole]).low, wilson(found[part], found[whole]).high
    rate = found[part] / found[whole] if found[whole] else 0.0
    return f"{found[part]} of {found[whole]} ({rate:.0%}; 95 % interval {low:.0%} to {high:.0%})"


def main() -> None:
    """Prints the table of all runs together."""
    folders = [Path(argument) for argument in sys.argv[1:] if argument != "--json"]
    if not folders:
        sys.exit("usage: python benchmarks/quality.py RUN [RUN ...] [--json]")
    total: Counter[str] = Counter()
    for folder in folders:
        total += measure(folder)
    if "--json" in sys.argv:
        print(json.dumps({"runs": len(folders), **total}, indent=2))
        return
    print(f"runs                          {len(folders)}")
    print(f"tools certified, of designed  {share(total, 'tools certified', 'tools designed')}")
    print(f"tools kept by the audit       {share(total, 'tools kept by the audit', 'tools certified')}")
    for grade in ("certified", "recorded"):
        print(f"tasks {grade:<23} {share(total, f'tasks {grade}', 'sequences')} sequences")
    print(f"broken solutions refused      {share(total, 'broken solutions refused', 'broken solutions tried')}")
    print(f"rollouts solved, of scored    {share(total, 'rollouts solved', 'rollouts scored')}")
    for name, number in sorted(total.items()):
        if name not in ("tools certified", "tools designed"):
            print(f"  {name:<28}{number}")


if __name__ == "__main__":
    main()
