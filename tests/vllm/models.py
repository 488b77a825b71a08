"""Makes the models that the vLLM checks run: `python tests/vllm/models.py FOLDER [NAME]...`.

`FOLDER/tiny`: a Llama of two layers with random weights and SmolLM2's tokenizer. It writes nonsense at hundreds of
tokens a second, which is what checks of protocol, schemas and load need. `FOLDER/NAME`: a model of `synthtools models
list`, its quantised weights as plain ones, for runs whose answers have to make sense.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, LlamaConfig, LlamaForCausalLM

from synthtools.backends.weights import pull

TINY = "tiny"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 8192
"""Tokens of prompt and answer together."""


def tokenizer(weights: Path) -> Any:
    made = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    made.chat_template = made.chat_template or CHAT_TEMPLATE
    return made


def make_tiny(folder: Path) -> None:
    """Seeded, so that every machine has the same nonsense."""
    words = tokenizer(pull("smollm2-135m"))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,  # tied, a random model repeats its prompt's last word for ever
        bos_token_id=words.bos_token_id,
        eos_token_id=words.convert_tokens_to_ids("<|im_end|>"),
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)


def make_plain(folder: Path, name: str) -> None:
    """The catalogue's weights in bfloat16, in which vLLM runs them: 1 GB for half a billion parameters."""
    weights = pull(name)
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent, gguf_file=weights.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    tokenizer(weights).save_pretrained(folder)
    model.save_pretrained(folder)


def made(folder: Path, name: str) -> Path:
    """The folder of a model, which is made unless it is there."""
    model = folder / name
    if not model.is_dir():
        started = time.monotonic()
        unfinished = folder / f"{name}.unfinished"
        if name == TINY:
            make_tiny(unfinished)
        else:
            make_plain(unfinished, name)
        unfinished.rename(model)
        print(f"{model}: {time.monotonic() - started:.0f} s")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=[TINY])
    options = parser.parse_args()
    for name in options.names:
        made(options.folder, name)


if __name__ == "__main__":
    main()
