"""Behaviours and tasks that processes beside this one certify."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthtools.errors import SandboxError
from synthtools.world import sandbox
from synthtools.world.behaviour import Behaviour
from synthtools.world.beside import Beside
from synthtools.world.certificate import certify
from synthtools.world.certification import Certification
from synthtools.world.certifiers import Certifiers, Oracle
from synthtools.world.example import Example
from synthtools.world.precedence import placed
from tests.programs.test_tool_behaviour import ENV, OFF_BY_ONE, RIGHT, STATE, WITHDRAW
from tests.world.test_certificate import ASK, BOOK

GOOD, BAD = (f"{parts['guard']}\n\n{parts['apply']}" for parts in (RIGHT, OFF_BY_ONE))


@pytest.fixture
def certifiers() -> Iterator[Certifiers]:
    made = Certifiers()
    yield made
    made.close()


def here(source: str, *examples: Example, oracle: Oracle | None = None) -> Certification:
    return Behaviour(source).certify(
        WITHDRAW, STATE, examples, collections=ENV.collections, now=ENV.now, draws=60, second=oracle
    )


async def test_a_certification_elsewhere_is_the_one_that_would_be_made_here(certifiers: Certifiers) -> None:
    example = Example(args={"account_id": "ACC-2", "cents": 70}, before=STATE)
    good = await certifiers.behaviour(GOOD, WITHDRAW, ENV, [example], draws=60)
    assert good.certified and good == here(GOOD, example)
    bad = await certifiers.behaviour(BAD, WITHDRAW, ENV, [example], draws=60)
    assert not bad.certified and bad == here(BAD, example)
    oracle = Behaviour(GOOD)
    unlike = await certifiers.behaviour(BAD, WITHDRAW, ENV, draws=60, oracle=oracle)
    assert not unlike.certified and unlike == here(BAD, oracle=oracle)
    refused = await certifiers.behaviour("import os", WITHDRAW, ENV, draws=60)
    assert refused == here("import os") and refused.failures[0].property == "dialect"


async def test_a_task_certified_elsewhere_has_the_certificate_it_would_get_here(certifiers: Certifiers) -> None:
    for task in (BOOK, ASK):
        calls = task.gt_tool_calls
        elsewhere = await certifiers.task(task, expected_answer=(), second_solution=calls, paraphrased=[(0, "x")])
        assert elsewhere == certify(task, expected_answer=(), second_solution=calls, paraphrased=[(0, "x")])
        assert {check.name for check in elsewhere.checks} >= {"gold_passes", "second_solution_passes", "replays"}


async def test_a_process_that_was_killed_is_replaced(certifiers: Certifiers) -> None:
    assert (await certifiers.behaviour(GOOD, WITHDRAW, ENV, draws=20)).certified
    (pid,) = certifiers.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it is as good as dead
    assert (await certifiers.behaviour(GOOD, WITHDRAW, ENV, draws=20)).certified
    assert pid not in certifiers.pids


async def test_processes_stand_back_for_the_event_loop_and_leave_ctrl_c_to_it(certifiers: Certifiers) -> None:
    await certifiers.behaviour(GOOD, WITHDRAW, ENV, draws=60)
    (pid,) = certifiers.pids
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getsid(pid) == os.getsid(0)  # Linux heeds niceness among processes of one session alone
    assert os.getpgid(pid) != os.getpgid(0)  # that a terminal's Ctrl-C goes to


async def test_a_process_that_cannot_run_is_an_error_with_what_it_said(
    certifiers: Certifiers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nsys.stderr.write('no room')\nsys.stderr.flush()\nos._exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SandboxError, match="no room"):
        await certifiers.behaviour(GOOD, WITHDRAW, ENV, draws=20)


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Certifiers]:
    monkeypatch.setattr(sandbox, "PROCESSES", 1)
    made = Certifiers()
    yield made
    made.close()


async def test_whose_place_in_the_line_is_first_is_certified_first(one_process: Certifiers) -> None:
    ended: list[tuple[int, ...]] = []

    async def certify_at(*place: int) -> None:
        with placed(*place):
            await one_process.behaviour(GOOD, WITHDRAW, ENV, draws=20)
        ended.append(place)

    async with asyncio.TaskGroup() as group:
        group.create_task(certify_at(0, 9))
        await asyncio.sleep(0)  # the process is this one's before the others come
        for place in ((-1, 4), (-1, 3), (-2, 8), (0, 1), (-1, 3)):
            group.create_task(certify_at(*place))
    assert ended == [(0, 9), (-2, 8), (-1, 3), (-1, 3), (-1, 4), (0, 1)]


async def test_what_nobody_waits_for_any_more_is_not_certified(
    one_process: Certifiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    ask = Beside.ask

    def asking(process: Beside, line: bytes) -> bytes:
        asked.append(line)
        return ask(process, line)

    monkeypatch.setattr(Beside, "ask", asking)
    first = asyncio.create_task(one_process.behaviour(GOOD, WITHDRAW, ENV, draws=20))
    given_up = asyncio.create_task(one_process.behaviour(BAD, WITHDRAW, ENV, draws=20))
    last = asyncio.create_task(one_process.behaviour(GOOD, WITHDRAW, ENV, draws=20))
    await asyncio.sleep(0)
    given_up.cancel()
    assert (await first).certified and (await last).certified
    assert len(asked) == 2
