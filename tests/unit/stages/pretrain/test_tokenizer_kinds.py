"""Every kind of tokenizer trains, opens in plain transformers and has a small decoder pretrained with it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.artifacts import Corpus, Tokenizer
from pipeline.core.stage import Inputs
from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.stages.pretrain.config import Config
from pipeline.stages.pretrain.stage import run
from pipeline.stages.tokenizer.algorithms import ALGORITHMS
from pipeline.stages.tokenizer.config import Config as TokenizerConfig
from pipeline.stages.tokenizer.sampling import Sample
from tests.unit.stages.tiny import make_context
from tests.unit.stages.tokenizer.test_tokenizer import TEXTS, write_jsonl

MARKED = [f"{text} <|end|>" for text in TEXTS]


@pytest.mark.parametrize(
    ("kind", "steps"),
    [("unigram", 12), *(pytest.param(kind, 150, marks=pytest.mark.slow) for kind in ALGORITHMS)],
)
def test_a_decoder_learns_from_the_tokens_of_each_kind(tmp_path: Path, kind: str, steps: int):
    sized = {} if kind == "characters" else {"vocab_size": 400}
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split, texts in (("train", MARKED[:260]), ("validation", MARKED[260:])):
        write_jsonl(folder / f"{split}-00000.jsonl", [{"text": text, "id": text[:9]} for text in texts])
    learned = ALGORITHMS[kind].learn(Sample(MARKED, [], 1), TokenizerConfig(text=["./a"], algorithm=kind, **sized))
    learned.save_pretrained(tmp_path / "tokenizer")
    settings = Config.model_validate({
        "decoder": {"num_hidden_layers": 1, "hidden_size": 32, "max_position_embeddings": 64},
        "train": {"steps": steps, "global_batch_size": 4, "learning_rate": 3e-3, "log_every": 6},
    })  # fmt: skip
    context = make_context(tmp_path / "model")
    tokenizer = Tokenizer(tmp_path / "tokenizer", address="tokenizer")
    outcome = run(settings, Inputs(corpus=Corpus(folder, address="corpus"), tokenizer=tokenizer), context)
    model, opened = (opens.from_pretrained(context.output) for opens in (AutoModelForCausalLM, AutoTokenizer))
    assert opened.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(range(7))
    assert model.config.vocab_size >= len(opened)
    # Text that spells the end token was learned as text: each document has one begin and one end token, no other.
    stored = outcome.metrics["bits_per_byte"]
    uniform = math.log2(len(opened)) * len(opened.encode(MARKED[0], split_special_tokens=True)) / len(MARKED[0])
    assert 0 < stored < (uniform if steps < 100 else 0.6 * uniform)
