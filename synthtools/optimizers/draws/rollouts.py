"""Cases for the judge of rollouts: gold solutions of tasks, and solutions that verification tells from them."""

from collections.abc import Iterable, Iterator, Sequence

from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.records import case, coded_tasks
from synthtools.optimizers.inputs import RightReading, TrajectoryJudgeInputs
from synthtools.runs.run import Run
from synthtools.types.call import ToolCall
from synthtools.types.task import Task
from synthtools.types.trajectory import Step, Trajectory
from synthtools.types.verdict import AnswerValue
from synthtools.world.patch import pointer_steps
from synthtools.world.replay import open_world
from synthtools.world.trials import Fate, Solution, Trials
from synthtools.world.variants import Variant, altered, dropped, extra_writes, swapped
from synthtools.world.verify import verify


def readings(run: Run) -> Iterator[Case]:
    """A rollout that reaches the goal, and some that do not: a call left out, altered or added, a wrong answer."""
    for task in coded_tasks(run):
        assert task.world is not None
        expected = task.certificate.expected_answer if task.certificate else ()
        trials = Trials(task, expected, open_world(task, engine="code"))
        everything = tuple(range(len(task.gt_tool_calls)))
        gold = _rollout(task, trials, trials.gold, everything)
        if not verify(task, gold).passed:
            continue
        yield _read(task, "right", gold, RightReading(goal_reached=True))
        collections = task.world.collections
        yield from _varied(task, trials, "other order", swapped(trials.steps), "equivalent")
        yield from _varied(task, trials, "a call is missing", dropped(trials.steps), "killed")
        changed = (one for one in altered(trials.steps, trials.base, collections) if one.kind != "altered_read")
        yield from _varied(task, trials, "an altered call", changed, "killed")
        yield from _varied(
            task, trials, "a call too many", extra_writes(trials.steps, trials.after_gold, collections), "killed"
        )
        if expected and gold.answer:
            silent = gold.model_copy(update={"answer": "It is done."})
            if not verify(task, silent).passed:
                yield _read(task, "a poor answer", silent, RightReading(goal_reached=False))


def _varied(task: Task, trials: Trials, label: str, variants: Iterable[Variant], fate: Fate) -> Iterator[Case]:
    """The first variant with that fate, read rightly."""
    variant = next((one for one in variants if trials.fate(one) == fate), None)
    if variant is None:
        return
    solution = trials.run(variant.calls)
    missing = [
        call for index, call in enumerate(task.gt_tool_calls) if index not in variant.gold or index == _changed(variant)
    ]
    extra = [
        call
        for (call, response), index in zip(solution.calls, variant.gold, strict=True)
        if response.ok and (index is None or index == _changed(variant)) and _changes(task, call)
    ]
    reached = fate == "equivalent"
    reading = RightReading(
        goal_reached=reached, missing=() if reached else _texts(missing), extra=() if reached else _texts(extra)
    )
    yield _read(task, label, _rollout(task, trials, solution, variant.gold), reading)


def _changed(variant: Variant) -> int | None:
    """The gold call that a variant has in another form."""
    return variant.call if variant.kind in ("altered", "other_record") else None


def _changes(task: Task, call: ToolCall) -> bool:
    tool = task.tool(call.name)
    return tool is not None and tool.changes_state


def _texts(calls: Sequence[ToolCall]) -> tuple[str, ...]:
    return tuple(str(call) for call in calls)


def _rollout(task: Task, trials: Trials, solution: Solution, gold: Sequence[int | None]) -> Trajectory:
    """A solution as an agent's rollout, which ends with what its calls found."""
    said = ["It is done."]
    for value in trials.expected:
        found = trials.value_at(solution.calls, gold, value)
        if found is not None:
            said.append(f"The {_words(value)} is {found}.")
    steps = tuple(Step(calls=(call,), responses=(response,)) for call, response in solution.calls)
    return Trajectory(task_id=task.id, steps=steps, answer=" ".join(said), stop_reason="answered")


def _words(value: AnswerValue) -> str:
    return pointer_steps(value.pointer)[-1].replace("_", " ") if value.pointer else "answer"


def _read(task: Task, label: str, rollout: Trajectory, reading: RightReading) -> Case:
    return case(
        TrajectoryJudgeInputs(request=task.summary, expected=task.gt_tool_calls, trajectory=rollout),
        id=f"{task.id}/{label}",
        field=task.field,
        expected=reading.to_json(),
        label=label,
        source=f"task-audit/{task.id}",
    )
