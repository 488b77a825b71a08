"""Structured calls by pydantic-ai: one agent, native structured output, as many runs at a time as asked for."""

import asyncio

from asked import Question, Verdict, report
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def main() -> None:
    question = Question.read()
    model = OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(base_url=question.url, api_key="none"))
    agent = Agent(
        model,
        output_type=NativeOutput(Verdict),
        instructions=question.system,
        model_settings={"temperature": 0.2, "top_p": 0.95, "seed": 0, "max_tokens": 500},
    )

    async def some(prompts: list[str], verdicts: list[Verdict]) -> None:
        while prompts:
            verdicts.append((await agent.run(prompts.pop())).output)

    async def all_of(prompts: list[str]) -> list[Verdict]:
        left, verdicts = list(prompts), list[Verdict]()
        await asyncio.gather(*(some(left, verdicts) for _ in range(question.in_flight)))
        return verdicts

    with asyncio.Runner() as runner:
        report(question, lambda prompts: runner.run(all_of(prompts)))


if __name__ == "__main__":
    main()
