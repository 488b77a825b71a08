"""Makes the models that the vLLM checks run: `python tests/vllm/models.py FOLDER`.

`FOLDER/tiny`: a Llama of two layers with random weights and SmolLM2's tokenizer. It writes nonsense at hundreds of
tokens a second, which is what checks of protocol, schemas and load need. `FOLDER/smollm2`, with `--smollm2`: the
135-million-parameter model itself.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from synthtools.backends.weights import pull

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 8192
"""Tokens of prompt and answer together."""


def tokenizer(weights: Path) -> Any:
    made = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    made.chat_template = CHAT_TEMPLATE
    return made


def make_tiny(folder: Path, weights: Path) -> None:
    """Seeded, so that every machine has the same nonsense."""
    words = tokenizer(weights)
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


def make_smollm2(folder: Path, weights: Path) -> None:
    """The quantised weights of the cache, as plain ones."""
    from transformers import GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        weights.parent, gguf_file=weights.name, quantization_config=GgufConfig(dequantize=True)
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer(weights).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--smollm2", action="store_true")
    options = parser.parse_args()
    weights = pull("smollm2-135m")
    wanted = {"tiny": make_tiny, **({"smollm2": make_smollm2} if options.smollm2 else {})}
    for name, make in wanted.items():
        folder = options.folder / name
        if (folder / "config.json").is_file():
            continue
        started = time.monotonic()
        make(folder, weights)
        print(f"{folder}: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
