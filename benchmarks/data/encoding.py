"""Text to token ids: ours beside the library's calls, one thread, in turns; the ids must be the same."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data.whole import texts
from pipeline.core.progress import Progress
from pipeline.core.stage import Engine
from pipeline.models.encoding import Encoder
from pipeline.stages.pretrain.token_store import build_store, open_store
from pipeline.stages.tokenizer.byte_pairs import train_byte_pairs
from pipeline.stages.tokenizer.sampling import pieces, sample_texts

VOCABULARY = 16_384
_LEARNED_FROM = 4_000_000


def encoding(data: Path, turns: int) -> None:
    """MB of text for each CPU second: the library's batch call, ours at first sight and again, and the token store."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    documents = list(texts(data))
    size = sum(len(text.encode()) for text in documents) / 1e6
    sample = sample_texts(documents, _LEARNED_FROM)
    tokenizer = train_byte_pairs((piece for text in sample.training for piece in pieces(text)), VOCABULARY)
    backend: Any = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True

    def library(call: str) -> Callable[[], Any]:
        return lambda: [found.ids for found in getattr(backend, call)(documents, add_special_tokens=False)]

    seconds: dict[str, list[float]] = {}
    for _ in range(turns):
        encoder = Encoder(tokenizer)
        contestants = {
            "encode_batch": library("encode_batch"),
            "encode_batch_fast": library("encode_batch_fast"),
            "ours, words not met": lambda encoder=encoder: encoder.encode(documents),
            "ours, words met": lambda encoder=encoder: encoder.encode(documents),
        }
        found = {}
        for name, run in contestants.items():
            start = time.process_time()
            found[name] = run()
            seconds.setdefault(name, []).append(time.process_time() - start)
        assert [ids.tolist() for ids in found["ours, words not met"]] == found["encode_batch"], "other ids"
        seconds.setdefault("token store", []).append(_store_seconds(documents, tokenizer, found["encode_batch"]))
    bare = min(seconds["encode_batch"])
    print(f"encoding {size:.1f} MB, vocabulary {len(tokenizer):,}, best of {turns} turns, one thread:")
    for name, spent in seconds.items():
        print(f"  {name:<20} {size / min(spent):6.2f} MB/CPU-s, {bare / min(spent):.2f}x")


def _store_seconds(documents: list[str], tokenizer: Any, expected: list[list[int]]) -> float:
    """From JSON lines to the finished store, tokenizer opened anew."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokenizer.save_pretrained(folder / "tokenizer")
        shard = folder / "train-00000.jsonl"
        shard.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
        start = time.process_time()
        build_store(folder / "store", [shard], folder / "tokenizer", Engine(workers=1), Progress("x", quiet=True))
        spent = time.process_time() - start
        assert open_store(folder / "store").starts[-1] == sum(len(ids) + 2 for ids in expected)
    return spent
