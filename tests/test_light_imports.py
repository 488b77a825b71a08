"""What an import pulls in: nobody should wait for a model library to read a record or a help text."""

import subprocess
import sys

import pytest

HEAVY = (
    "dspy",
    "litellm",
    "openai",
    "torch",
    "ray",
    "datasets",
    "pydantic_monty",
    "xllamacpp",
    "vllm",
    "aiohttp",
    "rensa",
)

SLOW_FOR_HELP = ("synthtools.runs.scheduler", "pydantic_settings", "synthtools.config", "synthtools.cli.actions")
"""What only a command that works needs."""

REPORT = f"\nimport sys\nprint('heavy:', sorted(set({HEAVY!r}) & set(sys.modules)))\n"


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code + REPORT], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import synthtools",
        "import synthtools as st; st.Tool(name='T', description='d').version; st.ToolCall.parse('T(a=1)')",
        "import synthtools as st; st.SynthToolsError; st.read_tasks",
        "import synthtools as st; dir(st); st.__all__",
        "import synthtools.backends",
        "import synthtools as st; st.check(st.Tool(name='T', description='d'), st.ToolCall(name='T'))",
    ],
)
def test_nothing_heavy_is_imported(code: str):
    assert run(code).endswith("heavy: []\n")


def test_help_imports_nothing_heavy():
    output = run(
        "import sys; sys.argv = ['synthtools', '--help']\n"
        "from synthtools.cli import app\n"
        "try:\n    app()\nexcept SystemExit as done:\n    assert not done.code, done.code"
    )
    assert "quickstart" in output
    assert output.endswith("heavy: []\n")


@pytest.mark.parametrize("verb", ["", "run", "optimize", "models check", "calibrate", "verify"])
def test_help_imports_nothing_that_only_work_needs(verb: str):
    output = run(
        f"import sys; sys.argv = ['synthtools', *{verb!r}.split(), '--help']\n"
        "from synthtools.cli import app\n"
        "try:\n    app()\nexcept SystemExit as done:\n    assert not done.code, done.code\n"
        f"print('slow:', sorted(set({SLOW_FOR_HELP!r}) & set(sys.modules)))"
    )
    assert "Usage" in output
    assert "slow: []\n" in output
