"""`vllm/PATH` where vLLM is not installed: what is wrong is said before anything is loaded. See `make test-vllm`."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from synthtools.backends import build_lm
from synthtools.backends.vllm import SETTINGS
from synthtools.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_model_length": 4096}, "unknown setting max_model_length; settings of vllm/: block_size, dtype"),
        ({"max_model_len": "4096"}, "max_model_len must be of type int, not '4096'"),
        ({"max_model_len": True}, "max_model_len must be of type int, not True"),
        ({"enforce_eager": 1}, "enforce_eager must be of type bool, not 1"),
        ({"gpu_memory_utilization": "all"}, "gpu_memory_utilization must be of type float, not 'all'"),
        ({"api_base": "http://127.0.0.1:8000/v1"}, "runs in this process; a server is reached by hosted_vllm/ or dir"),
    ],
)
def test_settings_are_checked_before_the_model_is_loaded(settings: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        build_lm(f"vllm/{tmp_path}", **settings)
    assert told in str(raised.value)


@pytest.mark.parametrize("path", ["/no/such/folder", "./no-such-folder", "~/no-such-folder-of-mine"])
def test_a_path_that_leads_nowhere_is_no_repository(path: str) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        build_lm(f"vllm/{path}")


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
@pytest.mark.parametrize("name", ["", "Qwen/Qwen3-8B"])
def test_without_vllm_the_way_to_it_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"vLLM is not installed here: pip install 'synthtools\[vllm\]'"):
        build_lm(f"vllm/{name or tmp_path}", gpu_memory_utilization=1, max_model_len=4096)


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "vllm.md").read_text(encoding="utf-8")
    table = page.partition("| setting |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(SETTINGS)
