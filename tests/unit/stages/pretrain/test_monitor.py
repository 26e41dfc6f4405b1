"""What is said of a training while it runs: text, speed and held-out windows."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from pipeline.stages.pretrain.held_out import HeldOut
from pipeline.stages.pretrain.monitor import Monitor, perplexity
from pipeline.stages.pretrain.packing import pack
from pipeline.stages.pretrain.text_bytes import row_bytes
from pipeline.training.order import EpochOrder
from pipeline.training.rows import RowPlan
from tests.unit.models.tiny import tiny_decoder, tiny_rows, tiny_tokenizer
from tests.unit.stages.pretrain.test_packing import store_of
from tests.unit.stages.tiny import make_context

TEXTS = ["the mill " * 20, "rye", "a river, " * 9]


def held_out(folder) -> HeldOut:
    return HeldOut(tiny_decoder(), tiny_tokenizer(), [{"text": text} for text in TEXTS], make_context(folder))


def plan(tokens: int, steps: int = 40) -> RowPlan:
    lengths = np.full(8, tokens)
    return RowPlan(lengths, EpochOrder(8, 4, steps, 0), lengths)


def test_the_rows_share_all_bytes_of_the_text_and_each_has_its_own_documents():
    documents = tiny_rows(30, 3, 50)
    sizes = np.arange(100, 130)
    store = store_of(documents)
    packing = pack(store, 32)
    assert row_bytes(store.starts, sizes, packing).sum() == pytest.approx(sizes.sum())
    whole = pack(store, 50)
    first = (np.searchsorted(store.starts, whole.starts[: whole.rows[1]], side="right") - 1).tolist()
    assert row_bytes(store.starts, sizes, whole)[0] == pytest.approx(sizes[first].sum())


def test_a_document_that_is_cut_shares_its_bytes_among_the_tokens_it_predicts():
    store = store_of(tiny_rows(1, 21, 21))
    packing = pack(store, 16)  # 16 and 6 tokens, the last of the first piece in both
    assert sorted(row_bytes(store.starts, np.array([200]), packing)) == pytest.approx([50, 150])


def test_windows_cover_every_predicted_token_once(tmp_path):
    found = held_out(tmp_path)
    assert len(found.windows) > len(TEXTS)
    counts = [count for _, count in found.document_losses(0)]
    assert counts == [len(ids) - 1 for ids in found.encoded]


@pytest.mark.parametrize(("tokens", "all_of_them"), [(10, False), (100_000, True)])
def test_evaluations_read_no_more_than_they_may_cost(tmp_path, tokens, all_of_them):
    found = held_out(tmp_path)
    rows = plan(tokens)
    found.plan("auto", rows, log_every=2)
    read = sum(window.end - window.start for window in found.evaluated) * 40 // found.interval
    assert (found.evaluated == found.windows) is all_of_them
    assert len(found.evaluated) == 1 or read <= 0.04 * rows.tokens_at(40)
    assert found.interval % 2 == 0 and found.due(40, 40) and not found.due(1, 40)


def test_a_number_of_evaluations_reads_everything_so_many_times(tmp_path):
    found = held_out(tmp_path)
    found.plan(3, plan(10), log_every=2)
    assert found.evaluated == found.windows
    assert [step for step in range(1, 41) if found.due(step, 40)] == [14, 28, 40]
    found.plan(0, plan(10), log_every=2)
    assert not any(found.due(step, 40) for step in range(1, 41))


def test_bits_are_of_the_rows_that_were_read_and_the_clock_only_of_training(tmp_path):
    rows = plan(10, steps=4)
    watched = Monitor(rows, np.full(8, 25.0), 4e6, 1e9, held_out(tmp_path))
    watched.begin(1)
    time.sleep(0.05)
    watched.start_clock(1)
    time.sleep(0.01)
    line = watched.line(3, nats=200 * math.log(2), tokens=64)
    assert line["bits_per_byte"] == pytest.approx(200 / (2 * 4 * 25))
    assert line["perplexity"] == pytest.approx(math.exp(200 * math.log(2) / 64))
    assert 1600 < line["tokens_per_second"] <= 8000  # 80 tokens in more than .01 and less than .05 seconds
    assert line["mfu"] == pytest.approx(line["tokens_per_second"] / 80 * 2e6 / 1e9, rel=0.1)
    assert line["memory_bytes"] > 10**7


def test_the_perplexity_of_a_loss_that_ran_away_is_still_a_number():
    assert math.isfinite(perplexity(1e6))
