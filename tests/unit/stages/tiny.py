"""A model with random weights and what a stage needs around it, small enough for unit tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.artifacts import Model, RewardModel
from pipeline.core.progress import Progress
from pipeline.core.references import Resolved
from pipeline.core.stage import Processes, Runtime, SingleProcess, StageContext

TEXT = ["Write about the mill and the river.", "The miller grinds the rye of the village by the river."] * 20


def save_tiny_model(folder: Path, seed: int = 0, context_length: int = 64) -> Model:
    """A decoder of 2 layers x 32 with its tokenizer, as an artifact whose address is the folder's name."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import TokenizersBackend

    from pipeline.data.chat import CHAT_TEMPLATE
    from pipeline.data.special_tokens import BEGIN_TOKEN, END_TOKEN, PAD_TOKEN, SPECIAL_TOKENS
    from pipeline.models.decoder import DecoderConfig
    from pipeline.models.loading import new_model, save_model

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r" ?\w+|\s|[^\w\s]"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=alphabet)
    bpe.train_from_iterator(TEXT, trainer)
    tokenizer = TokenizersBackend(
        tokenizer_object=bpe, bos_token=BEGIN_TOKEN, eos_token=END_TOKEN, pad_token=PAD_TOKEN,
        extra_special_tokens=list(SPECIAL_TOKENS[3:]),
    )  # fmt: skip
    tokenizer.chat_template = CHAT_TEMPLATE
    config = DecoderConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=context_length,
    )  # fmt: skip
    save_model(new_model(config, seed), tokenizer, folder)
    return Model(folder, f"fingerprint-{folder.name}", folder.name)


def save_tiny_scorer(folder: Path, labels: int = 1, weight: float | None = None) -> RewardModel:
    """A reward model of the same size and tokenizer, with so many labels; `weight` fills its head."""
    import torch
    from transformers import AutoTokenizer

    from pipeline.models.decoder import DecoderConfig, DecoderForSequenceClassification
    from pipeline.models.loading import save_model

    save_tiny_model(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = DecoderConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, num_labels=labels, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    model = DecoderForSequenceClassification(config)
    if weight is not None:
        torch.nn.init.constant_(model.score.weight, weight)
    save_model(model, tokenizer, folder)
    return RewardModel(folder, f"fingerprint-{folder.name}", folder.name)


def make_context(output: Path, seed: int = 17, processes: Processes | None = None, **options: Any) -> StageContext:
    """The context of a stage that writes into `output`, in fp32: `auto` is bf16 on some processors."""
    output.mkdir(parents=True, exist_ok=True)
    return StageContext(
        output.name,
        seed,
        output,
        Runtime(precision="fp32"),
        processes or SingleProcess(),
        Progress(output.name, quiet=True),
        **options,
    )


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Resolved:
    """The rows as a file, and the input that reads it."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Resolved(str(path), "path", "digest", path=path)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def prompt(text: str, **columns: Any) -> dict[str, Any]:
    """A row with one user turn."""
    return {"prompt": [{"role": "user", "content": text}], **columns}


class FakeRank:
    """One of several processes that is asked alone: `gather` returns what the others are told to have said."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank = rank
        self.world_size = world_size

    is_main = False

    def gather(self, value: Any) -> list[Any]:
        return [value]
