"""Structured calls by Bespoke Curator: one LLM object over a list of prompts, its limits out of the way."""

import importlib.util
import os
from pathlib import Path

from asked import Question, Verdict, report

question = Question.read()
installed = importlib.util.find_spec("litellm")
assert installed is not None and installed.origin is not None
os.environ.update(
    {
        # Given as a parameter, it would first ask the server for an answer of another shape.
        "OPENAI_BASE_URL": question.url,
        # The tokenizer that it counts prompts with comes with LiteLLM; it would fetch it again.
        "TIKTOKEN_CACHE_DIR": str(Path(installed.origin).parent / "litellm_core_utils" / "tokenizers"),
        "CURATOR_CACHE_DIR": question.folder,
        "CURATOR_DISABLE_CACHE": "1",
    }
)

from bespokelabs import curator  # noqa: E402


def main() -> None:
    llm = curator.LLM(
        model_name="gpt-4o-mini",
        backend="openai",
        response_format=Verdict,
        system_prompt=question.system,
        generation_params={"temperature": 0.2, "top_p": 0.95, "seed": 0, "max_tokens": 500},
        backend_params={
            "max_concurrent_requests": question.in_flight,
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 100_000_000_000,
            "max_retries": 0,
        },
    )
    report(question, lambda prompts: [Verdict(**row) for row in llm(prompts).dataset])


if __name__ == "__main__":
    main()
