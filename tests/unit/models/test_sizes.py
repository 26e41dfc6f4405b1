from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM, DecoderForSequenceClassification
from pipeline.models.loading import new_model
from pipeline.models.sizes import DecoderSizes, forward_flops, sizes_of, training_flops
from pipeline.training.memory import ModelShape, step_bytes

DEFAULTS = {"hidden_size": 128, "num_hidden_layers": 2, "max_position_embeddings": 256, "vocab_size": 320}
SHAPES: list[dict[str, Any]] = [
    {},
    {"hidden_size": 96, "num_hidden_layers": 3},
    {"hidden_size": 130},
    {"num_attention_heads": 4, "num_key_value_heads": 2},
    {"num_attention_heads": 3, "head_dim": 32},
    {"head_dim": 32},
    {"intermediate_size": 100, "tie_word_embeddings": False},
    {"value_embeddings": True, "num_key_value_heads": 1},
    {"position_encoding": "learned", "max_position_embeddings": 48},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parameters_are_counted_exactly(shape: dict[str, Any]):
    settings = {**DEFAULTS, **shape}
    config = DecoderConfig(**settings)
    with torch.device("meta"):
        model = DecoderForCausalLM(config)
        scorer = DecoderForSequenceClassification(DecoderConfig(**{**settings, "num_labels": 1}))
    assert sizes_of(settings).parameters == sum(weights.numel() for weights in model.parameters())
    assert sizes_of(settings, labels=1).parameters == sum(weights.numel() for weights in scorer.parameters())
    assert sizes_of(config.to_dict()) == sizes_of(settings)  # a saved config gives the same sizes


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_flops_are_those_that_torch_counts(shape: dict[str, Any]):
    settings = {**DEFAULTS, **shape}
    model, sizes = new_model(DecoderConfig(**settings), seed=0), sizes_of(settings)
    model.set_attn_implementation("eager")  # the counter knows no formula of the fused kernel on CPU
    tokens = torch.randint(0, 320, (3, 20))
    with FlopCounterMode(display=False) as counter:
        loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
        forward = counter.get_total_flops()
        loss.backward()
    assert forward == forward_flops(sizes, tokens.numel(), 20)
    assert counter.get_total_flops() == training_flops(sizes, tokens.numel(), 20)


def highest(work: Callable[[], object], trace: Path) -> int:
    """Bytes of tensors alive at once inside `work`, at most: torch's profiler sees every allocation."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    profiler.export_chrome_trace(str(trace))
    events = [event for event in json.loads(trace.read_text())["traceEvents"] if event.get("name") == "[memory]"]
    live = most = 0
    for event in sorted(events, key=lambda event: event["ts"]):
        live += event["args"]["Bytes"]
        most = max(most, live)
    return most


def train(settings: dict[str, Any], rows: int, packed: bool, precision: str, accumulation: int) -> None:
    """Two optimizer steps of a fresh decoder: from the second on, the optimizer's moments are there."""
    model = new_model(DecoderConfig(**settings), seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    length = settings["max_position_embeddings"]
    tokens = torch.randint(0, settings["vocab_size"], (rows, length))
    positions = (torch.arange(length) % (length // 2)).expand(rows, length) if packed else None
    for _ in range(2):
        for _ in range(accumulation):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
                loss = model(input_ids=tokens, position_ids=positions, labels=tokens, use_cache=False).loss
            loss.backward()
            del loss
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


def predicted(sizes: DecoderSizes, rows: int, packed: bool, precision: str, accumulation: int) -> int:
    length = sizes.max_position_embeddings
    shape = ModelShape(sizes, sizes.parameters, length, mask_columns=length if packed else 0)
    return step_bytes(shape, rows, precision=precision, accumulates=accumulation > 1)


@pytest.mark.parametrize(
    ("shape", "rows", "packed", "precision", "accumulation"),
    [
        ({}, 8, False, "fp32", 1),
        ({}, 8, True, "fp32", 1),
        ({"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 1}, 4, False, "fp32", 1),
        ({"hidden_size": 256, "vocab_size": 4096, "max_position_embeddings": 128}, 2, False, "fp32", 2),
        ({"hidden_size": 256, "vocab_size": 4096, "max_position_embeddings": 128}, 4, True, "bf16", 1),
        ({"hidden_size": 256, "vocab_size": 8192, "max_position_embeddings": 16}, 1, False, "fp32", 1),
        ({"hidden_size": 256, "vocab_size": 8192, "max_position_embeddings": 64, "tie_word_embeddings": False}, 1, False, "fp32", 1),
        ({"hidden_size": 192, "position_encoding": "learned", "num_attention_heads": 3, "head_dim": 32}, 2, False, "fp32", 1),
    ],
    ids=str,
)  # fmt: skip
def test_a_training_step_takes_the_memory_that_was_foreseen(
    shape: dict[str, Any], rows: int, packed: bool, precision: str, accumulation: int, tmp_path: Path
):
    settings = {**DEFAULTS, **shape}
    measured = highest(lambda: train(settings, rows, packed, precision, accumulation), tmp_path / "trace.json")
    assert predicted(sizes_of(settings), rows, packed, precision, accumulation) == pytest.approx(measured, rel=0.05)
