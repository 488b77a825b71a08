"""The README is true: its code runs, its commands parse, its links lead somewhere."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from synthtools.cli import app
from synthtools.world.certificate import certify
from tests.cli.shared import invoke
from tests.world import hotel

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(<!-- needs a server -->\n)?```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
OF_OTHERS = {"vllm"}
"""Commands of other projects, which are not here to be asked."""


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page that need no server."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [code for server, kind, code in found if kind == language and not server]


def commands(page: Path) -> list[str]:
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if "runs/bikes/task_content.jsonl" in page.read_text(encoding="utf-8"):
        small = ("--profile", "small", "--set", "profile.subfields=1", "--set", "profile.sequences=3")
        made = invoke("run", "--run", "runs/bikes", "--field", "Bicycle rental", "--model", "scripted/library", *small)
        assert made.exit_code == 0, made.stderr
    (tmp_path / "page.py").write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    runpy.run_path("page.py")


@pytest.mark.parametrize("line", sorted({line for page in PAGES for line in commands(page)}))
def test_commands_parse(line: str) -> None:
    words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    name = re.sub(r"^\.venv(-vllm)?/bin/", "", words[0])
    if name == "synthtools":
        parse(words[1:])
    elif name == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif name == "python":
        script = f"{words[2].replace('.', '/')}.py" if words[1] == "-m" else words[1]
        assert (ROOT / script).is_file()
    else:
        assert name in OF_OTHERS | {"."}


def parse(arguments: list[str]) -> None:
    """Parses a command line without running it; raises for an option or argument that does not exist."""
    command = typer.main.get_command(app)
    context = command.make_context("synthtools", arguments)
    while isinstance(command, TyperGroup):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command = found
        context = command.make_context(name, list(rest), parent=context)


def test_a_wrong_option_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option: --runs"):
        parse(["status", "--runs", "x"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


def test_the_commands_of_ci_parse() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"\.venv/bin/synthtools (.*)$", script, re.MULTILINE)
    assert len(found) == 2
    for line in found:
        parse(shlex.split(line))


def test_the_table_of_checks_is_that_of_a_certificate() -> None:
    call = hotel.call("CancelBooking", booking_id="BK-1")
    certificate = certify(hotel.task("Please cancel booking BK-1.", call), second_solution=[call])
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| check |")[2].partition("\n\n")[0]
    rows = [row.partition(" | ")[0] for row in table.splitlines()]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {c.name for c in certificate.checks}
