"""Structured calls by NeMo DataDesigner: one structured column over a seed data set of prompts."""

import logging

import pandas
from asked import Question, Verdict, report
from data_designer.config import (
    ChatCompletionInferenceParams,
    DataDesignerConfigBuilder,
    DataFrameSeedSource,
    LLMStructuredColumnConfig,
    ModelConfig,
    ModelProvider,
    RunConfig,
)
from data_designer.interface import DataDesigner

RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "Verdict", "schema": Verdict.model_json_schema(), "strict": True},
}
"""It asks for JSON in its prompt alone; the server is told as by the others."""


def main() -> None:
    question = Question.read()
    model = ModelConfig(
        alias="judge",
        model="fixed",
        provider="local",
        skip_health_check=True,
        inference_parameters=ChatCompletionInferenceParams(
            temperature=0.2,
            top_p=0.95,
            max_tokens=500,
            max_parallel_requests=question.in_flight,
            extra_body={"response_format": RESPONSE_FORMAT, "seed": 0},
        ),
    )
    designer = DataDesigner(
        artifact_path=question.folder,
        model_providers=[ModelProvider(name="local", endpoint=question.url, api_key="none")],
        managed_assets_path=question.folder,
        auto_configure_logging=False,
    )
    designer.set_run_config(RunConfig(otel_metrics_port=None, progress_interval=3600))

    def answered(prompts: list[str]) -> list[Verdict]:
        builder = DataDesignerConfigBuilder(model_configs=[model])
        builder.with_seed_dataset(DataFrameSeedSource(df=pandas.DataFrame({"asked": prompts})))
        builder.add_column(
            LLMStructuredColumnConfig(
                name="verdict",
                model_alias="judge",
                system_prompt=question.system,
                prompt="{{ asked }}",
                output_format=Verdict,
            )
        )
        rows = designer.create(builder, num_records=len(prompts)).load_dataset()["verdict"]
        return [Verdict.model_validate(row) for row in rows]

    report(question, answered)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
