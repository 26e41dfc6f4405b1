"""Six kinds of tokenizers on the same text: what each costs, how it writes, and what a small decoder makes of it.

The budget is the same number of training tokens and steps for each, stated with the CPU seconds it took. Bits per byte
count the bytes of the whole text, so that kinds which lose text (words, wordpiece) look better than they are: what they
lose is shown beside.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.data.whole import texts
from pipeline.stages import pretrain, tokenizer
from pipeline.stages.tokenizer.config import LEAST

KINDS = ("byte_bpe", "bpe", "unigram", "wordpiece", "words", "characters")
VOCABULARY = 4096
_HELD_OUT = 40
_LONGEST = 4_000
"""Characters of a document: enough for a small decoder, and little to read for the tokenizer of characters."""
DECODER = {"num_hidden_layers": 2, "hidden_size": 128, "num_attention_heads": 2, "max_position_embeddings": 256}


def tokenizers(data: Path, tokens: int) -> None:
    """A line for each kind."""
    print(f"six tokenizers, vocabulary {VOCABULARY:,}, a decoder of 2 x 128 trained on {tokens:,} tokens of each:")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus = write_corpus(folder / "corpus", [text[:_LONGEST] for text in texts(data)])
        for kind in KINDS:
            print("  " + line(compare(kind, corpus, folder / kind, tokens)), flush=True)


def compare(kind: str, corpus: Path, folder: Path, tokens: int) -> dict[str, Any]:
    """The figures of one kind."""
    size = {"vocab_size": VOCABULARY} if kind in LEAST else {}
    start = time.process_time()
    made = tokenizer.run(
        tokenizer.Config.model_validate({"text": [str(corpus)], "algorithm": kind, **size}), out=folder / "tokenizer"
    )
    learned = time.process_time()
    settings = {
        "corpus": str(corpus), "tokenizer": str(folder / "tokenizer"), "decoder": DECODER, "evaluations": 0,
        "train": {"tokens": tokens, "global_batch_size": 8, "learning_rate": 3e-3, "schedule": "wsd"},
    }  # fmt: skip
    model = pretrain.run(pretrain.Config.model_validate(settings), out=folder / "model")
    return {
        "kind": kind, **made.metrics, "bits_per_byte": model.metrics["bits_per_byte"],
        "learning": learned - start, "pretraining": time.process_time() - learned,
    }  # fmt: skip


def line(found: dict[str, Any]) -> str:
    """The figures of one kind as they are printed."""
    return (
        f"{found['kind']:<10} {found['vocab_size']:>5} tokens, {found['bytes_per_token']:.2f} bytes/token, "
        f"{found['bits_per_byte']:.3f} bits/byte, unknown {found['unknown_share']:.2%}, "
        f"back whole {found['round_trip']:.0%}, {found['learning']:.1f} + {found['pretraining']:.0f} CPU-s"
    )


def write_corpus(folder: Path, documents: list[str]) -> Path:
    """The texts as a corpus of two splits, every so many-th held out."""
    folder.mkdir(parents=True)
    every = max(2, len(documents) // _HELD_OUT)
    for split, chosen in (("train", lambda n: n % every != 0), ("validation", lambda n: n % every == 0)):
        rows = [
            json.dumps({"text": text, "id": str(n), "source": "bundle"})
            for n, text in enumerate(documents)
            if chosen(n)
        ]
        (folder / f"{split}-00000.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
