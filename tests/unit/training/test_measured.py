"""What is measured of the machine, and what is chosen by it."""

from __future__ import annotations

import json

import pytest
import torch

from pipeline.core.stage import Runtime
from pipeline.models.sizes import sizes_of
from pipeline.training import precision as training_precision
from pipeline.training import threads
from pipeline.training.measured import cache_file, kept
from pipeline.training.memory_use import begin_peak_memory, peak_memory
from pipeline.training.peak import measured_flops
from pipeline.training.precision import choose_precision
from pipeline.training.threads import choose_threads, probed_threads

SIZES = sizes_of({"num_hidden_layers": 1, "hidden_size": 32, "max_position_embeddings": 32}, vocab_size=64)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_measurement_is_made_once_and_found_again(cache):
    found = [kept("speed", lambda value=value: value) for value in (3, 4)]
    assert found == [3, 3]
    assert list(json.loads(cache_file().read_text()).values()) == [3]


def test_without_a_cache_that_can_be_written_it_is_measured_each_time(cache):
    cache.write_text("a file where the folder would be")
    assert [kept("speed", lambda value=value: value) for value in (3, 4)] == [3, 4]


def test_the_peak_is_that_of_a_product_and_changes_neither_threads_nor_generator():
    state, count = torch.get_rng_state(), torch.get_num_threads()
    assert 1e8 < measured_flops("fp32", 1) < 1e13
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == count


@pytest.mark.parametrize(
    ("has_units", "speed", "precision"), [(True, 3.0, "bf16"), (True, 0.5, "fp32"), (False, 3.0, "fp32")]
)
def test_a_processor_trains_in_bf16_where_it_has_the_units_and_is_measured_faster(
    cache, monkeypatch, has_units, speed, precision
):
    def layer_seconds(*_, precision, **__):
        return [1 / speed if precision == "bf16" else 1.0, 9.0]

    monkeypatch.setattr(training_precision, "cpu_has_bf16", lambda: has_units)
    monkeypatch.setattr(training_precision, "layer_seconds", layer_seconds)
    assert choose_precision(Runtime(), 1, SIZES, 8, 64) == precision
    assert choose_precision(Runtime(precision="bf16"), 1, SIZES, 8, 64) == "bf16"


def test_the_precision_is_tried_in_both_on_such_rows_as_the_stage_has(cache, monkeypatch):
    tried = []

    def layer_seconds(sizes, rows, length, *, precision, **others):
        tried.append((rows, length, precision))
        return [1.0]

    monkeypatch.setattr(training_precision, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(training_precision, "layer_seconds", layer_seconds)
    for length in (17, 30):
        choose_precision(Runtime(), 1, SIZES, 48, length)
    assert tried == [(48, 32, "fp32"), (48, 32, "bf16")] * 4, "lengths that are nearly alike are tried once"


@pytest.mark.parametrize(
    ("seconds", "chosen"), [({1: 4, 2: 2, 4: 1}, 4), ({1: 4, 2: 3.9, 4: 1}, 1), ({1: 4, 2: 2, 4: 1.9}, 2)]
)
def test_threads_are_added_while_each_doubling_pays(monkeypatch, seconds, chosen):
    monkeypatch.setattr(threads, "_seconds_with", lambda count, *others: seconds[count])
    assert probed_threads(7, SIZES, 64) == chosen


def test_the_threads_are_those_of_the_recipe_else_the_probes_within_what_the_environment_allows(cache, monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(threads, "probed_threads", lambda most, *others: most)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert choose_threads(Runtime(), SIZES, 64, 1) == 8
    assert choose_threads(Runtime(), SIZES, 64, 2) == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert choose_threads(Runtime(), SIZES, 64, 1) == 2
    assert choose_threads(Runtime(threads=3), SIZES, 64, 1) == 3


def test_a_probe_tries_a_layer_and_leaves_the_generator_alone(monkeypatch):
    monkeypatch.setattr(threads, "_SECONDS", 0.01)
    state, count = torch.get_rng_state(), torch.get_num_threads()
    assert probed_threads(2, SIZES, 64) in (1, 2)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == count


def test_the_peak_of_memory_counts_from_where_it_is_told_to():
    torch.ones(64 * 2**20, dtype=torch.uint8)
    before = peak_memory()
    begin_peak_memory()
    held = torch.ones(32 * 2**20, dtype=torch.uint8)
    assert len(held) <= peak_memory() <= before + len(held)
