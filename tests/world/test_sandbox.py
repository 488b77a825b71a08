"""Hostile and careless behaviours: each is refused before it runs, or contained when it does."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from synthtools.errors import BehaviourRefused, SandboxError, UsageError
from synthtools.types import Parameter, Tool
from synthtools.world.behaviour import Behaviour, Call
from synthtools.world.dialect import problems
from synthtools.world.sandbox import Limits, Program, close, feed, remembering

TOOL = Tool(name="T", description="", parameters={"n": Parameter(type="integer")}, output={}, writes=("things",))
STATE = {"things": {"TH-1": {"n": 1}}}
GUARD = "def guard(args, state, now):\n    return None\n\n\n"


NOW = "2026-01-15T09:00:00Z"


def behaviour(body, head=""):
    indented = "\n".join("    " + line for line in body.splitlines())
    return Behaviour(f"{head}\n{GUARD}def apply(args, state, now):\n{indented}\n")


def run(body, head="", limits=None):
    return behaviour(body, head).run(TOOL, {"n": 3}, STATE, now=NOW, limits=limits or Limits())


def workers():
    """The processes of the sandbox that there are (Linux)."""
    children = [pid for child in Path("/proc/self/task").glob("*/children") for pid in child.read_text().split()]
    return [int(pid) for pid in children if b"monty" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize(
    ("head", "body", "reason"),
    [
        ("import os", "return os.listdir('/')", "import of os"),
        ("from subprocess import run", "return run('ls')", "import of subprocess"),
        ("import random", "return random.random()", "import of random"),
        ("import time", "return time.time()", "import of time"),
        ("import uuid", "return str(uuid.uuid4())", r"new_id\(collection\)"),
        ("from datetime import *", "return {}", "one by one"),
        ("from datetime import datetime", "return datetime.now().isoformat()", "reads the clock"),
        ("from datetime import date", "return date.today().isoformat()", "reads the clock"),
        ("import datetime", "return datetime.datetime.utcnow()", "reads the clock"),
        ("", "return open('/etc/passwd').read()", "no outside world"),
        ("", "with open('x') as f:\n    return f.read()", "there are no files"),
        ("", "return eval('1')", "running text"),
        ("", "exec('x = 1')\nreturn {}", "running text"),
        ("", "return __import__('os')", "refused"),
        ("", "return ().__class__.__bases__[0].__subclasses__()", "__class__"),
        ("", "return getattr(args, '__class__')", "getattr"),
        ("", "return globals()", "interpreter"),
        ("SEEN = []", "SEEN.append(args['n'])\nreturn {}", "module-level state"),
        ("COUNT = {'n': 0}", "COUNT['n'] += 1\nreturn {}", "module-level state"),
        ("COUNT = 0", "global COUNT\nCOUNT = COUNT + 1\nreturn {}", "global"),
        ("print('hello')", "return {}", "outside functions"),
        ("X = [n for n in range(3)]", "return {}", "outside functions"),
        ("", "def inner(seen=[]):\n    return seen\nreturn inner()", "outlive"),
        ("def inner(seen=not (Y := [0])):\n    return Y", "return inner()", "outlive"),
        (
            "from collections import Counter\ndef inner(seen=+Counter('a')):\n    return seen",
            "return inner()",
            "outlive",
        ),
        ("", "return hash('a')", "differs between runs"),
        ("", "return [x for x in {'b', 'a'}]", "order of a set"),
        ("", "names = set(['b', 'a'])\nreturn list(names)", "order of a set"),
        ("", "names = {'b', 'a'}\nfor name in names:\n    return name", "order of a set"),
        ("", "del state['things']['TH-1']\nreturn {}", "pop"),
        ("", "yield 1", "yield"),
        ("", "class A:\n    pass\nreturn {}", "classes"),
        ("", "return next(x for x in [1])", "next"),
        ("", "print(args)\nreturn {}", "printing"),
        ("def new_id(collection):\n    return 'X-1'", "return {}", "new_id is given"),
        ("", "_st_state = 1\nreturn {}", "_st_state"),
        ("from json import loads as new_id", "return {}", "new_id is given"),
        ("", "first = lambda new_id: new_id\nreturn {}", "new_id is given"),
        ("import json as _st_json", "return {}", "_st_json"),
        ("", "try:\n    pass\nexcept ValueError as _st_ids:\n    pass\nreturn {}", "_st_ids"),
        ("", "match args:\n    case _st_in:\n        return {}", "_st_in"),
        ("", "_ｓt_ids = {}\nreturn {}", "_st_ids"),
        ("", "return args.__ｃlass__", "__class__"),
        ("", "mark = hash\nreturn mark('a')", "differs between runs"),
        ("", "return list(map(id, [args]))", "differs between runs"),
        ("", "say = print\nsay('x')\nreturn {}", "printing"),
    ],
)
def test_what_may_not_run_is_refused_with_its_line_and_a_way_out(head, body, reason):
    with pytest.raises(BehaviourRefused, match=reason) as refusal:
        run(body, head)
    assert "line " in str(refusal.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while True:\n    pass", "TimeoutError"),
        ("return [0] * 10_000_000_000", "MemoryError"),
        ("grown = 'x'\nwhile True:\n    grown = grown + grown", "MemoryError"),
        ("def deep(n):\n    return deep(n + 1)\nreturn deep(0)", "RecursionError"),
        ("return 'x' * 6_000_000", "OutputLimit"),
        ("return {'x': 1e308 * 10}", "no JSON number"),
        ("return {'x': {1, 2}}", "TypeError"),
        ("return args['missing']", "line 7: KeyError"),
        ("return state['other']", "KeyError: other"),
        ("return new_id('other')", "does not write"),
        ("return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_runs_wild_is_contained_and_the_next_call_works(body, reason):
    with pytest.raises(SandboxError, match=reason):
        run(body, limits=Limits(seconds=0.2))
    assert run("return {}").data == {}


def test_the_source_must_have_the_two_functions_with_their_arguments():
    assert "define guard" in problems("def apply(args, state, now):\n    return {}")[0]
    assert "exactly (args, state, now)" in problems("def guard(args):\n    return None")[0]
    assert "not Python" in problems("def guard(args, state, now:\n")[0]
    assert "characters" in problems("#" * 30_000)[0]
    assert "nested" in problems(GUARD + "X = " + "-" * 5000 + "1")[0] or "not Python" in problems("(" * 5000)[0]


@pytest.mark.parametrize("error", ["{}", "'no'", "{'status_code': '404', 'message': 'x'}", "{'message': 'x'}", "False"])
def test_a_guard_that_answers_no_error_record_is_told_what_one_is(error):
    behaviour = Behaviour(f"def guard(args, state, now):\n    return {error}\n")
    with pytest.raises(SandboxError, match="guard must return None or"):
        behaviour.run(TOOL, {"n": 1}, STATE, now="2026-01-15T09:00:00Z")


def test_ordinary_code_is_let_through():
    outcome = run(
        "names = {record['n'] for record in state['things'].values()}\n"
        "if args['n'] in names:\n    return {}\n"
        "key = new_id('things')\n"
        "state['things'][key] = {'n': args['n'] * FACTOR}\n"
        "other = new_id('things')\n"
        "due = datetime.fromisoformat(now) + timedelta(days=1)\n"
        "return {'key': key, 'other': other, 'due': due.isoformat(), 'names': sorted(names)}",
        "from datetime import datetime, timedelta\nFACTOR = 2\nKINDS = ['a', 'b']",
    )
    assert outcome.data == {"key": "TH-2", "other": "TH-3", "due": "2026-01-16T09:00:00+00:00", "names": [1]}
    assert outcome.state == {"things": {"TH-1": {"n": 1}, "TH-2": {"n": 6}}}
    assert STATE == {"things": {"TH-1": {"n": 1}}}


def test_nothing_is_left_from_one_feed_to_the_next():
    feed(Program("", "left = 1\n'done'"), {})
    with pytest.raises(SandboxError, match="NameError"):
        feed(Program("", "str(left)"), {})


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("SEEN = [1]\ndef add(seen):\n    seen.append(1)\n    return len(seen)", "return add(SEEN)"),
        ("SEEN: dict = {'a': [1]}\ndef add(seen):\n    seen['a'] += [1]\n    return seen", "return add(SEEN)"),
        ("SEEN = ([1],)\ndef add(seen):\n    seen[0].clear()\n    return seen", "return list(add(SEEN))"),
        ("SEEN = set()\ndef add(seen):\n    seen.add(1)\n    return len(seen)", "return add(SEEN)"),
        ("SEEN = [1]\nSEEN = [1, 2]\ndef add(seen):\n    seen.pop()\n    return seen", "return add(SEEN)"),
        (
            "from decimal import Context, Decimal, setcontext",
            "x = str(Decimal(1) / 3)\nsetcontext(Context(prec=3))\nreturn x",
        ),
        ("", "return [new_id('things'), str(guard)]"),
        ("", "return str(iter([1]))"),
        (
            "",
            "return [str(x) for x in (zip([1], [2]), map(len, ['a']), enumerate([1]), reversed([1]))]",
        ),
        ("", "return [str(x for x in [1]), str({1: 2}.items()), str(lambda x: x), f'{range(3)}']"),
        (
            "B = set()\nA = [1]\ndef set():\n    return A\ndef add(x):\n    x.append(1)\n    return len(x)",
            "return [add(A), len(B)]",
        ),
        ("X = [0x" + "f" * 4000 + "]", "return len(X)"),
        ("X = " + "[" * 90 + "]" * 90, "return len(X)"),
    ],
)
def test_nothing_is_left_from_one_call_of_a_behaviour_to_the_next(head: str, body: str) -> None:
    first = run(body, head).data
    assert [run(body, head).data for _ in range(3)] == [first] * 3
    together = behaviour(body, head).run_each([Call({"n": 3}, STATE)] * 20, TOOL, now=NOW)
    assert [outcome.data for outcome in together] == [first] * 20


def test_calls_made_together_come_out_as_alone_and_one_that_crashes_is_told():
    body = (
        "if not state['things']:\n    return {'x': 1 / args['n']}\n"
        "state['things'][new_id('things')] = {'n': args['n']}\nreturn {'n': args['n'], 'now': now}"
    )
    calls = [Call({"n": n}, {"things": {f"TH-{n + 1}": {"n": n}}}) for n in range(5)]
    alone = [behaviour(body).run(TOOL, call.arguments, call.state, now=NOW) for call in calls]
    assert behaviour(body).run_each(calls, TOOL, now=NOW) == alone
    assert behaviour(body).run_each([], TOOL, now=NOW) == []
    with pytest.raises(SandboxError, match="line 8: ZeroDivisionError"):
        behaviour(body).run_each([*calls, Call({"n": 0}, {"things": {}})], TOOL, now=NOW)


def test_a_block_that_remembers_makes_no_call_twice_but_those_that_failed():
    program, limits = Program("", "str(int(x) + 1)"), Limits()
    with remembering():
        assert [feed(program, {"x": "1"}), feed(program, {"x": "2"})] == ["2", "3"]
        close()  # a call that is made starts the workers anew
        assert feed(program, {"x": "1"}) == "2"
        assert workers() == []
        with pytest.raises(SandboxError, match="ValueError"):
            feed(program, {"x": "one"})
        assert workers() != []
        close()
        with pytest.raises(SandboxError, match="ValueError"):
            feed(program, {"x": "one"})
        assert workers() != []
        close()
    assert feed(program, {"x": "1"}, limits) == "2"
    assert workers() != []


def test_calls_go_on_where_the_worker_of_the_last_ones_was_killed() -> None:
    assert run("return 1").data == 1
    for pid in workers():
        os.kill(pid, signal.SIGKILL)
    assert run("return 1").data == 1


def test_a_process_forked_after_the_first_call_is_told_so_and_leaves_its_parents_workers_alone() -> None:
    assert run("return 1").data == 1
    close()
    child = os.fork()
    if not child:
        try:
            run("return 1")
        except UsageError as error:
            close()
            os._exit(3 if "spawn" in str(error) else 4)
        os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert run("return 1").data == 1


def test_calls_of_more_behaviours_than_there_are_workers_at_once() -> None:
    with ThreadPoolExecutor(16) as threads:
        numbers = list(range(12)) * 8
        assert list(threads.map(lambda number: run(f"return {number}").data, numbers)) == numbers


def test_a_name_of_ones_own_may_be_that_of_a_refused_builtin():
    assert run("id = args['n']\nhelp = [id]\nreturn {'n': help[0]}").data == {"n": 3}


@pytest.mark.parametrize(
    "body",
    [
        "return {'n': dict.fromkeys(range(10**9), 1)}",
        "return {'n': 'a' * 10**10}",
        "return {'n': '%1000000000d' % 3}",
        "return {'n': ('a' * 1000000).join(['b'] * 1000000)}",
        "return {'n': 10 ** (10 ** 9)}",
        "return {'n': 1 << 10 ** 11}",
        "x = ['a' * 1000]\nfor i in range(40):\n    x = [x, x]\nreturn {'n': x}",
        "x = ['a' * 1000]\nfor i in range(40):\n    x = [x, x]\nstate['things']['TH-1']['n'] = x\nreturn {}",
        "state['things']['TH-1']['n'] = state\nreturn {}",
        "x = []\nfor i in range(100000):\n    x = [x]\nreturn {'n': x}",
        "import json\nreturn json.loads('[' * 100000)",
        "import re\nreturn {'n': re.compile('(((a{1000}){1000}){1000})')}",
        "return apply",
        "return {'n': {1, 2}}",
        "raise ValueError('x' * 50000000)",
    ],
)
def test_what_grows_without_bound_or_is_no_json_is_contained(body):
    with pytest.raises(SandboxError):
        run(body)


def test_a_pattern_that_backtracks_comes_to_an_end():
    assert run("import re\nreturn {'n': re.match('(a+)+$', 'a' * 50 + 'b') is None}").data == {"n": True}
