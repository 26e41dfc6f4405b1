"""The store is the same bytes whoever builds it, and what was encoded before a kill is not encoded again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import StageError
from pipeline.core.progress import Progress
from pipeline.core.stage import Engine
from pipeline.stages.pretrain import encoding_tasks
from pipeline.stages.pretrain.encoding_tasks import EncodeStretch, stretches_of, texts_in
from pipeline.stages.pretrain.loop import Loop
from pipeline.stages.pretrain.packing import PackedRows, pack
from pipeline.stages.pretrain.token_store import build_store, open_store, text_sizes
from pipeline.training.order import EpochOrder
from tests.unit.models.tiny import BEGIN, END, tiny_tokenizer
from tests.unit.stages.tiny import FakeRank

TEXTS = [f"Die Mühle {number} <|end|>\n\n mahlt{' den Roggen' * (number % 7)}.\x0b\u2028" for number in range(60)]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    parts = TEXTS[:25], TEXTS[25:26], TEXTS[26:]
    paths = [tmp_path / f"train-{number:05}.jsonl" for number in range(len(parts))]
    for path, texts in zip(paths, parts, strict=True):
        rows = [json.dumps({"text": text, "huge": 10**30}, ensure_ascii=False) for text in texts]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return paths


def built(folder: Path, shards: Sequence[Path], tokenizer: Path, workers: int = 1) -> dict[str, bytes]:
    build_store(folder, shards, tokenizer, Engine(workers=workers), Progress("x", quiet=True))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_store_is_every_text_as_the_library_encodes_it(tmp_path, shards, tokenizer):
    built(tmp_path / "store", shards, tokenizer)
    store, plain = open_store(tmp_path / "store"), tiny_tokenizer()
    expected = plain(TEXTS, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    documents = [store.tokens[a:b].tolist() for a, b in zip(store.starts[:-1], store.starts[1:], strict=True)]
    assert documents == [[BEGIN, *ids, END] for ids in expected]
    assert text_sizes(tmp_path / "store").tolist() == [len(text.encode()) for text in TEXTS]


@pytest.mark.parametrize("length", [1, 7, 100, 333, 10**6])
def test_each_line_is_in_one_stretch_wherever_files_are_cut(monkeypatch, shards, length):
    monkeypatch.setattr(encoding_tasks, "STRETCH", length)
    assert [text for stretch in stretches_of(shards) for text in texts_in(stretch)] == TEXTS


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_bytes_do_not_depend_on_tasks_or_workers(tmp_path, monkeypatch, shards, tokenizer, workers):
    whole = built(tmp_path / "whole", shards, tokenizer)
    assert sorted(whole) == ["documents.npy", "meta.json", "sizes.npy", "tokens.bin"]
    monkeypatch.setattr(encoding_tasks, "STRETCH", 900)
    assert len(stretches_of(shards)) > 5
    assert built(tmp_path / "many", shards, tokenizer, workers) == whole


def test_what_was_encoded_before_a_kill_is_not_encoded_again(tmp_path, monkeypatch, shards, tokenizer):
    whole = built(tmp_path / "whole", shards, tokenizer)
    monkeypatch.setattr(encoding_tasks, "STRETCH", 900)
    tasks, done, encode = len(stretches_of(shards)), [], EncodeStretch.__call__

    def killed(self: EncodeStretch, rank: int) -> None:
        done.append(rank)
        if len(done) == 4:
            raise KeyboardInterrupt
        encode(self, rank)

    monkeypatch.setattr(EncodeStretch, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path / "store", shards, tokenizer)
    assert not (tmp_path / "store" / "meta.json").exists()
    assert built(tmp_path / "store", shards, tokenizer) == whole
    assert done == [0, 1, 2, 3, *range(3, tasks)]
    done.clear()
    assert built(tmp_path / "store", shards, tokenizer) == whole and not done


def test_a_corpus_without_documents_is_refused(tmp_path, tokenizer):
    (tmp_path / "train-00000.jsonl").write_text("")
    with pytest.raises(StageError, match=r"no training documents; look at its funnel\.json"):
        built(tmp_path / "store", [tmp_path / "train-00000.jsonl"], tokenizer)


def test_one_two_four_and_eight_ranks_read_the_same_global_batches(tmp_path, shards, tokenizer):
    built(tmp_path / "store", shards, tokenizer)
    store = open_store(tmp_path / "store")
    rows = PackedRows(store, pack(store, 64))
    order = EpochOrder(len(rows), 16, steps=7, seed=5)

    def read(world_size: int, step: int) -> list[list[int]]:
        found: list[list[int]] = []
        for rank in range(world_size):
            loop: Any = SimpleNamespace(
                context=SimpleNamespace(processes=FakeRank(rank, world_size)),
                learner=SimpleNamespace(accelerator=SimpleNamespace(device="cpu")),
                plan=SimpleNamespace(order=order),
                rows=rows,
                micro_batch=2,
                collate=lambda part: {"rows": SimpleNamespace(to=lambda *_, **__: part)},
            )
            for batch in Loop.micro_batches(loop, step):
                found += [np.concatenate(row).tolist() for row in batch["rows"]]
        return found

    for step in range(7):
        one = read(1, step)
        assert len(one) == 16 and all(read(ranks, step) == one for ranks in (2, 4, 8))
