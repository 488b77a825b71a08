"""Tokens and calls for one audited tool and one certified task: this library and the reference protocol.

`python benchmarks/tokens.py [--profiles small,standard] [--records 3,20,60] [--fields N] [--json FILE]`. Bars: ours at
most a third of the reference's, for the same tools and tasks and the same number of test calls; at least 70 % of the
tokens of prompts about tools at the front of an earlier prompt too, at a median prompt of at most 1,500 tokens.

Ours: the real programs on the scripted library, which answers in realistic length; every call counts, repeated ones and
those for what was dropped too. A tool's cost is its code and its audit; with `made`, everything from the field on. The
reference: `benchmarks/reference`, at its best. Schema tests, which code makes here by the dozen, count as two in the
reference. Tokens are o200k_base's (the encoding of the gpt-oss models), whose vocabulary LiteLLM brings along. Not in
any prompt, and counted apart: our answers' JSON Schemas, which constrain the decoding of vLLM and llama.cpp; services
that put them into the prompt bill them.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby, pairwise, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import tiktoken
from reference import protocol
from reference.protocol import Answered, ModelCall

from synthtools.backends import model, usage_meter
from synthtools.backends.library.roles import ROLES
from synthtools.backends.prompt import parse_prompt
from synthtools.backends.scripted import Script, register_script
from synthtools.errors import Dropped
from synthtools.programs.env_audit import EnvAudit
from synthtools.programs.env_generation import EnvGeneration, Scenarios, Subfields
from synthtools.programs.task_audit import TaskAudit
from synthtools.programs.task_generation import TaskGeneration
from synthtools.programs.task_sequences import TaskSequences
from synthtools.types import SMALL, STANDARD, AuditedEnv, SolvedTurns, Task, ToolSequence
from synthtools.types.audit import TestCall
from synthtools.types.names import slug
from synthtools.types.profile import Profile
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.tool import Tool
from synthtools.world.draw import draw_valid_call
from synthtools.world.probes import schema_probes
from synthtools.world.world import World

BARS = {"share": 1 / 3, "shared": 0.7, "median_tokens": 1500}
"""Most tokens as a share of the reference's; least shared part of prompt tokens; most tokens of the median prompt."""
FIELDS = ("Community libraries", "Bicycle rental", "Veterinary clinics")
SCHEMA_CALLS = 2
"""Schema tests of a tool in the reference, which makes two or three in each mode."""
PROFILES = {"small": SMALL, "standard": STANDARD.model_copy(update={"sequences": 12})}
"""The standard profile plans fewer sequences here: what a task costs does not depend on how many there are."""
CODE_ROLES = ("WriteBehaviour",)
SUBJECTS = frozenset({"tool", "purpose", "tools"})
"""Inputs that say which tool or tools a prompt is about."""


class Sent(NamedTuple):
    """One call of ours, as it went over the wire."""

    stage: str
    role: str
    messages: list[Any]
    answer: str
    schema: str


class Recorder(Script):
    """The scripted library with collections of any size, keeping what it is asked and what it answers."""

    def __init__(self) -> None:
        super().__init__({**ROLES, "PopulateCollection": self._populated}, otherwise=None)
        self.stage = ""
        self.sent: list[Sent] = []

    def completion(self, body: JsonObject) -> JsonObject:
        completion: Any = super().completion(body)
        shape: Any = body["response_format"]
        schema = shape["json_schema"]
        messages: Any = body["messages"]
        answer = completion["choices"][0]["message"]["content"]
        self.sent.append(Sent(self.stage, schema["name"], messages, answer, json.dumps(schema["schema"])))
        return completion

    @staticmethod
    def _populated(inputs: dict[str, Json], schema: JsonObject, seed: int) -> JsonObject:
        """The library's records; words that come again are numbered, so that they differ."""
        answer: Any = ROLES["PopulateCollection"](inputs, schema, seed)
        seen: Counter[tuple[str, str]] = Counter()
        for record in answer["records"]:
            for name, value in record.items():
                if isinstance(value, str) and not value[:1].isdigit():
                    seen[name, value] += 1
                    record[name] = f"{value} {seen[name, value]}" if seen[name, value] > 1 else value
        return answer


class Made(NamedTuple):
    """What the programs made of one scenario."""

    env: AuditedEnv
    sequences: tuple[ToolSequence, ...]
    tasks: list[tuple[SolvedTurns, Task]]
    drops: list[str]
    """Sequences of which no task came, with the reason; what was asked for them counts."""
    sent: list[Sent]


async def made(field: str, profile: Profile) -> Made:
    """Takes one scenario through the stages up to its certified tasks."""
    recorder = Recorder()
    register_script("tokens", recorder)
    with model("scripted/tokens", seed=7), usage_meter() as meter:
        recorder.stage = "generation"
        subfields = await Subfields(profile).acall(field=field)
        scenarios = await Scenarios(profile).acall(field=field, subfield=subfields[0])
        spec = await EnvGeneration(profile).acall(scenario=scenarios[0], env_id=f"{slug(field)}_spec_001")
        recorder.stage = "audit"
        env: AuditedEnv = await EnvAudit(profile).acall(env=spec)
        recorder.stage = "tasks"
        sequences = await TaskSequences(profile).acall(env=env)
        tasks: list[tuple[SolvedTurns, Task]] = []
        drops: list[str] = []
        for sequence in sequences:
            try:
                turns: SolvedTurns = await TaskGeneration(profile).acall(env=env, sequence=sequence)
                tasks.append((turns, await TaskAudit(profile).acall(env=env, turns=turns)))
            except Dropped as error:
                drops.append(f"{error} {error.detail}")
    assert meter.usage.calls == len(recorder.sent), "every call that was metered was recorded"
    return Made(env, sequences, tasks, drops, recorder.sent)


def answered(env: AuditedEnv, tool: Tool) -> list[Answered]:
    """The rule and happy calls of our audit and a few schema calls, each run on the initial state."""
    spec = env.env
    audit = next(audit for audit in env.audits if audit.tool == tool.name)
    tests = [call.test for call in audit.calls if call.test.mode in ("rule", "happy")]
    valid = draw_valid_call(tool, spec.initial_state, spec.collections)
    assert valid is not None
    for probe in schema_probes(tool, valid.arguments, spec.initial_state, spec.collections)[:SCHEMA_CALLS]:
        tests.append(TestCall(mode="schema", call=probe.call, should_succeed=False, expectation=probe.expectation))
    found: list[Answered] = []
    for test in tests:
        world = World(spec)
        found.append(Answered(test, world.call(test.call), world.state))
    return found


def states(env: AuditedEnv, turns: SolvedTurns) -> list[State]:
    """The states before the first turn and after each."""
    world = World(env.env, turns.initial_state)
    found = [world.state]
    for turn in turns.turns:
        world.call(turn.call)
        found.append(world.state)
    return found


@cache
def encoding() -> tiktoken.Encoding:
    """o200k_base, from the vocabulary among LiteLLM's files."""
    found = importlib.util.find_spec("litellm")
    assert found is not None and found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    return tiktoken.get_encoding("o200k_base")


def tokens(text: str) -> list[int]:
    return encoding().encode_ordinary(text)


def prompt_text(messages: Iterable[Any]) -> str:
    return "\n".join(f"{message['role']}\n{message['content']}" for message in messages)


def cost(calls: Iterable[tuple[str, str]], items: int) -> dict[str, float]:
    """Calls, prompt and answer tokens per item, of (prompt, answer) pairs."""
    pairs = [(len(tokens(prompt)), len(tokens(answer))) for prompt, answer in calls]
    prompt, answer = sum(one for one, _ in pairs) / items, sum(other for _, other in pairs) / items
    return {"calls": len(pairs) / items, "prompt": prompt, "answer": answer, "tokens": prompt + answer}


def compared(
    ours: Sequence[Sent], theirs: Sequence[ModelCall], items: int, *, tried: int | None = None
) -> dict[str, Any]:
    """Both sides per item, ours by what was `tried` if that is given; ours as a share, also with our schemas."""
    count = tried or items
    our = cost([(prompt_text(one.messages), one.answer) for one in ours], count)
    their = cost([("user\n" + one.prompt, one.answer) for one in theirs], items)
    schemas = sum(len(tokens(one.schema)) for one in ours) / count
    share = our["tokens"] / their["tokens"]
    billed = (our["tokens"] + schemas) / their["tokens"]
    return {"ours": our, "reference": their, "share": share, "schemas": schemas, "share_with_schemas": billed}


def prefixes(prompts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """How much of (role, prompt) pairs stood at the front of an earlier prompt of the role, by role and in all.

    In sorted order each prompt stands beside the one it has most in common with, so that what neighbours share is, in
    all, what a prefix cache without an end would reuse, whatever the order of the calls. A role's first call shares
    nothing.
    """
    roles: dict[str, Any] = {}
    sizes: list[int] = []
    for role, calls in groupby(sorted(prompts, key=lambda one: one[0]), key=lambda one: one[0]):
        sent = sorted(tokens(prompt) for _, prompt in calls)
        roles[role] = {
            "calls": len(sent),
            "tokens": sum(map(len, sent)),
            "shared_tokens": sum(common(one, other) for one, other in pairwise(sent)),
        }
        sizes += map(len, sent)
    shared = sum(found["shared_tokens"] for found in roles.values()) / sum(sizes)
    return {"shared": shared, "median_tokens": statistics.median(sizes), "longest_tokens": max(sizes), "roles": roles}


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def is_about_tools(sent: Sent) -> bool:
    """Whether a prompt shows a tool, a set of tools, or what a tool is for."""
    return not SUBJECTS.isdisjoint(parse_prompt(sent.messages))


class Baseline(NamedTuple):
    """What the reference protocol asks for the same tools, tests and tasks."""

    generation: list[ModelCall]
    audits: list[ModelCall]
    tasks: list[ModelCall]
    tests: int


def baseline(found: Made, profile: Profile) -> Baseline:
    spec = found.env.env
    reliable = [tool for tool in spec.tools if tool.name in found.env.reliable]
    tests = [(tool, answered(found.env, tool)) for tool in spec.tools]
    tasks = protocol.sequences(reliable, found.sequences)
    for turns, task in found.tasks:
        tasks += protocol.task(reliable, turns, states(found.env, turns), task.summary)
    return Baseline(
        protocol.generation(spec, profile.subfields, profile.scenarios),
        [call for tool, made in tests for call in protocol.audit(tool, spec.initial_state, made)],
        tasks,
        sum(len(made) for _, made in tests),
    )


def measured(fields: Sequence[str], profile: Profile) -> dict[str, Any]:
    """Both sides at one size of the state, over one environment a field."""
    environments = [asyncio.run(made(field, profile)) for field in fields]
    theirs = [baseline(found, profile) for found in environments]
    sent = [one for found in environments for one in found.sent]
    generation = [call for one in theirs for call in one.generation]
    audits = [call for one in theirs for call in one.audits]
    their_tasks = [call for one in theirs for call in one.tasks]
    tools = sum(len(found.env.reliable) for found in environments)
    tasks = sum(len(found.tasks) for found in environments)
    drops = [drop for found in environments for drop in found.drops]
    ours_made = [one for one in sent if one.stage != "tasks"]
    ours_tool = [one for one in ours_made if one.stage == "audit" or one.role in CODE_ROLES]
    ours_task = [one for one in sent if one.stage == "tasks"]
    lenient = [call for call in audits if call.role != "new state"]
    states_of = [json.dumps(found.env.env.initial_state, separators=(",", ":")) for found in environments]
    return {
        "records": profile.records,
        "collections": profile.collections,
        "environments": len(environments),
        "state_tokens": statistics.mean(len(tokens(text)) for text in states_of),
        "tools": tools,
        "tools_made": sum(len(found.env.env.tools) for found in environments),
        "tests": sum(one.tests for one in theirs),
        "tasks": tasks,
        "turns": sum(len(turns.turns) for found in environments for turns, _ in found.tasks),
        "drops": drops,
        "tool": compared(ours_tool, audits, tools),
        "tool_without_new_states": compared(ours_tool, lenient, tools),
        "tool_made": compared(ours_made, [*generation, *audits], tools),
        "task": compared(ours_task, their_tasks, tasks),
        "task_tried": compared(ours_task, their_tasks, tasks, tried=tasks + len(drops)),
        "prefix": prefixes((one.role, prompt_text(one.messages)) for one in sent if is_about_tools(one)),
        "prefix_reference": prefixes(
            (one.role, "user\n" + one.prompt) for found in theirs for one in (*found.audits, *found.tasks)
        ),
    }


ROWS = {
    "tool": "tool: code and audit",
    "tool_without_new_states": "  no new states in audits",
    "tool_made": "  made from the field on",
    "task": "certified task",
    "task_tried": "  sequence tried, task or not",
}
"""What is compared. The ideal reference loses no sequence; ours pays for those that it drops, but in the last row."""


def holds(row: dict[str, Any]) -> dict[str, bool]:
    """Which bars hold at one size."""
    prefix = row["prefix"]
    return {
        "share": all(row[name]["share"] <= BARS["share"] for name in ("tool", "task")),
        "shared": prefix["shared"] >= BARS["shared"],
        "median_tokens": prefix["median_tokens"] <= BARS["median_tokens"],
    }


def said(held: dict[str, bool]) -> str:
    return ", ".join(f"{name} {'held' if is_held else 'NOT held'}" for name, is_held in held.items())


def show(name: str, row: dict[str, Any]) -> None:
    print(
        f"\n{name}, {row['records']} records in each of {row['collections']} collections (a state of"
        f" {row['state_tokens']:,.0f} tokens), {row['environments']} environments: {row['tools']} tools of"
        f" {row['tools_made']} audited, {row['tests'] / row['tools_made']:.1f} tests each; {row['tasks']} tasks of"
        f" {row['turns'] / row['tasks']:.1f} turns, {len(row['drops'])} dropped"
    )
    print(f"{'':28} {'ours':^34} | {'reference':^27} |")
    print(f"{'per':28} {'calls':>7} {'tokens':>9} {'of these answer':>16} | {'calls':>7} {'tokens':>9} {'answer':>9}"
          f" | {'share':>6} {'with schemas':>13}")  # fmt: skip
    for key, title in ROWS.items():
        ours, theirs = row[key]["ours"], row[key]["reference"]
        print(f"{title:28} {ours['calls']:7.1f} {ours['tokens']:9,.0f} {ours['answer']:16,.0f} | {theirs['calls']:7.1f}"
              f" {theirs['tokens']:9,.0f} {theirs['answer']:9,.0f} | {row[key]['share']:6.3f}"
              f" {row[key]['share_with_schemas']:13.3f}")  # fmt: skip
    for key, title in (("prefix", "prompts about tools, ours"), ("prefix_reference", "prompts, reference")):
        found = row[key]
        print(f"{title:28} shared {found['shared']:.2f}, median {found['median_tokens']:.0f} tokens, longest"
              f" {found['longest_tokens']}")  # fmt: skip
    print(f"bars: {said(holds(row))}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profiles", default="small,standard")
    parser.add_argument("--records", default="3,20,60")
    parser.add_argument("--fields", type=int, default=len(FIELDS), choices=range(1, len(FIELDS) + 1))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in options.profiles.split(","):
        for count in map(int, options.records.split(",")):
            profile = PROFILES[name].model_copy(update={"records": count})
            row = measured(FIELDS[: options.fields], profile)
            rows.setdefault(name, []).append(row)
            show(name, row)
    held = {bar: all(holds(row)[bar] for found in rows.values() for row in found) for bar in BARS}
    if options.json:
        options.json.write_text(json.dumps({"bars": BARS, "held": held, "encoding": "o200k_base", **rows}, indent=1))
    print(f"\nbars {BARS}: {said(held)}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
