"""Certifications that processes beside this one do."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthtools.errors import SandboxError
from synthtools.world.behaviour import Behaviour
from synthtools.world.certification import Certification
from synthtools.world.certifiers import Certifiers, Oracle
from synthtools.world.example import Example
from tests.programs.test_tool_behaviour import ENV, OFF_BY_ONE, RIGHT, STATE, WITHDRAW

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


def test_a_certification_elsewhere_is_the_one_that_would_be_made_here(certifiers: Certifiers) -> None:
    example = Example(args={"account_id": "ACC-2", "cents": 70}, before=STATE)
    good = certifiers.certify(GOOD, WITHDRAW, ENV, [example], draws=60)
    assert good.certified and good == here(GOOD, example)
    bad = certifiers.certify(BAD, WITHDRAW, ENV, [example], draws=60)
    assert not bad.certified and bad == here(BAD, example)
    oracle = Behaviour(GOOD)
    unlike = certifiers.certify(BAD, WITHDRAW, ENV, draws=60, oracle=oracle)
    assert not unlike.certified and unlike == here(BAD, oracle=oracle)
    refused = certifiers.certify("import os", WITHDRAW, ENV, draws=60)
    assert refused == here("import os") and refused.failures[0].property == "dialect"


def test_a_process_that_was_killed_is_replaced(certifiers: Certifiers) -> None:
    assert certifiers.certify(GOOD, WITHDRAW, ENV, draws=20).certified
    (pid,) = certifiers.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert certifiers.certify(GOOD, WITHDRAW, ENV, draws=20).certified
    assert pid not in certifiers.pids


def test_a_process_that_cannot_run_is_an_error_with_what_it_said(
    certifiers: Certifiers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nsys.stderr.write('no room')\nsys.stderr.flush()\nos._exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SandboxError, match="no room"):
        certifiers.certify(GOOD, WITHDRAW, ENV, draws=20)
