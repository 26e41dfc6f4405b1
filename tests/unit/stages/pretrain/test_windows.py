"""Windows of the token stream are what nanoGPT reads, each token once an epoch."""

from __future__ import annotations

import typing

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from pipeline.core.errors import StageError
from pipeline.stages.pretrain.arrangement import ARRANGEMENTS, arranged
from pipeline.stages.pretrain.config import Config, PretrainTrain
from pipeline.stages.pretrain.learner import next_token_loss
from pipeline.stages.pretrain.packing import PackedRows
from pipeline.stages.pretrain.windows import WindowBatch, window_count, windows
from tests.unit.models.tiny import tiny_decoder, tiny_rows, tiny_tokens
from tests.unit.stages.pretrain.test_packing import store_of

LENGTH = 16


def config(**train) -> Config:
    return Config.model_validate(
        {
            "decoder": {"hidden_size": 32, "max_position_embeddings": LENGTH},
            "train": {"packing": "windows", "global_batch_size": 4, **train},
        }
    )


def test_the_table_has_the_packings_that_a_recipe_may_name():
    assert set(ARRANGEMENTS) == set(typing.get_args(PretrainTrain.model_fields["packing"].annotation))


def test_the_loss_is_that_of_the_tokens_read_and_the_tokens_one_further():
    """nanoGPT: x = data[i : i + block], y = data[i + 1 : i + 1 + block]."""
    store = store_of(tiny_rows(20, 5, 30))
    packing, model = windows(store, LENGTH, 2, seed=3), tiny_decoder()
    rows, data = PackedRows(store, packing), torch.from_numpy(store.tokens.astype(np.int64))
    chosen = [5, 0, len(rows) - 1]
    batch = WindowBatch()([rows[row] for row in chosen])
    starts = packing.starts[chosen].tolist()
    read, wanted = (torch.stack([data[i + by : i + by + LENGTH] for i in starts]) for by in (0, 1))
    assert batch["input_ids"].tolist() == read.tolist()
    with torch.no_grad():
        logits = model(batch["input_ids"], use_cache=False).logits
        expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum")
        assert_close(next_token_loss(logits, batch["labels"])[0], expected)
    assert rows.loss_tokens(np.array(chosen)) == wanted.numel()


@pytest.mark.parametrize("tokens", [17, 32, 33, 47, 100, 1000])
def test_an_epoch_predicts_no_token_twice_and_nearly_all(tokens):
    store = store_of([tiny_tokens(tokens).tolist()])
    count = window_count(tokens, LENGTH)
    starts = windows(store, LENGTH, 50, seed=1).starts.reshape(50, count)
    predicted = (starts[..., None] + 1 + np.arange(LENGTH)).reshape(50, -1)
    assert predicted.min() >= 1 and predicted.max() < tokens
    for epoch in predicted:
        assert len(np.unique(epoch)) == count * LENGTH > tokens - 2 * LENGTH
    spare = tokens - 1 - count * LENGTH
    assert len(np.unique(starts[:, 0])) > min(spare, 8) // 2 or spare == 0  # epochs are cut from different places


def test_each_window_is_read_once_before_the_next_epoch_is():
    store = store_of([tiny_tokens(LENGTH * 13).tolist()])
    _, plan = arranged(config(steps=7), store, seed=5)
    count = window_count(LENGTH * 13, LENGTH)
    first, second = plan.batches[:3].ravel(), plan.batches[3:6].ravel()
    assert count == 12 and sorted(first) == list(range(count))
    assert sorted(second) == list(range(count, 2 * count))
    assert (second - count).tolist() != first.tolist()
    assert plan.tokens_at(7) == 7 * 4 * LENGTH


def test_a_length_in_tokens_is_kept_to():
    store = store_of([tiny_tokens(LENGTH * 13).tolist()])
    assert arranged(config(tokens=20 * 4 * LENGTH), store, seed=5)[1].steps == 20


def test_attention_crosses_from_one_document_into_the_next():
    documents = tiny_rows(2, 9, 9)
    changed = [tiny_rows(1, 9, 9, seed=99)[0], documents[1]]
    model, logits = tiny_decoder(), []
    for texts in (documents, changed):
        batch = WindowBatch()([[np.concatenate([*texts])[: LENGTH + 1]]])
        with torch.no_grad():
            logits.append(model(batch["input_ids"], use_cache=False).logits)
    assert not torch.allclose(logits[0][0, 12], logits[1][0, 12])


def test_the_documents_of_a_window_are_all_that_it_reads_from():
    store = store_of(tiny_rows(3, 10, 10))
    (first,) = windows(store, 28, 1, seed=0).starts
    rows = PackedRows(store, windows(store, 28, 1, seed=0))
    assert first in (0, 1) and rows.documents(np.array([0])) == [0, 1, 2]


def test_too_little_text_for_one_window_is_told():
    with pytest.raises(StageError, match="16 tokens of text are fewer than a window of 16 and the token after it"):
        window_count(16, LENGTH)
    with pytest.raises(StageError, match="1 rows are fewer than one global batch of 4"):
        arranged(config(), store_of([tiny_tokens(20).tolist()]), seed=0)
