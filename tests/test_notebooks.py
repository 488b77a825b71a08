"""Every notebook runs from top to bottom on the scripted stand-in, and shows what it says."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def executed(path: Path, folder: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return [cell for cell in client.execute().cells if cell.cell_type == "code"]


def said(cells: list[nbformat.NotebookNode], kind: str) -> str:
    outputs = [output for cell in cells for output in cell.outputs]
    if kind == "stdout":
        return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    return "".join(output.data.get(kind, "") for output in outputs if output.output_type == "execute_result")


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS] == ["first_steps.ipynb", "optimize_a_judge.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


def test_first_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNTHTOOLS_MODEL", raising=False)
    cells = executed(NOTEBOOKS[0], tmp_path)
    text = said(cells, "stdout")
    assert "a scripted stand-in, no language model" in text
    assert "-> 200" in text and "by code" in text
    assert "Unknown parameter: nonsense." in text
    assert "state_schema: " in text  # the careless behaviour is refused
    assert "certified=True" in said(cells, "text/plain")
    assert "{'renewals': 1} No renewal left: bring the book back" in text
    assert "fork: 1 desk: 0" in text
    shown = said(cells, "text/html")
    assert "<b>Scenario</b>" in shown and "<b>Tool</b>" in shown
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".sqlite"]


def test_optimize_a_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNTHTOOLS_MODEL", raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    cells = executed(NOTEBOOKS[1], tmp_path)
    text = said(cells, "stdout")
    assert "a scripted stand-in, no language model" in text
    assert "cases of 4 fields" in text
    assert "right: correct, said: " in text
    assert "not recommended" in text and "the instructions are as they were" in text  # a stand-in gains nothing
    assert "calibrated: " in text and "the judge passes " in text
    assert "not recommended: no gain beyond chance" in said(cells, "text/html")
