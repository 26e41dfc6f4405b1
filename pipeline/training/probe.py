"""How fast a decoder trains on this machine: two seconds of it, on random tokens."""

from __future__ import annotations

import time

import torch

from pipeline.core.estimates import EstimateContext
from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM
from pipeline.models.sizes import DecoderSizes
from pipeline.training.memory import ModelShape, foreseen_precision, largest_micro_batch, step_bytes
from pipeline.training.threads import choose_threads

SECONDS = 2.0
_FIRST = 2
"""Steps that are not counted: kernels are chosen and memory is taken."""


def seconds_per_step(sizes: DecoderSizes, rows: int, length: int, context: EstimateContext) -> tuple[float, str]:
    """Seconds of an optimizer step on `rows` rows of `length` tokens over all processes; and how that was found out.

    What the trainer does around a step, and reading the data, is not in it.
    """
    precision = foreseen_precision(context.runtime.precision, context.machine.device)
    per_process = max(1, rows // context.machine.world_size)
    shape = ModelShape(sizes, sizes.parameters, length)
    micro_batch = largest_micro_batch(
        per_process,
        context.machine.free_bytes,
        lambda size: step_bytes(shape, size, precision=precision, accumulates=size < per_process),
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if threads := choose_threads(context.runtime, sizes, per_process * length, context.machine.world_size):
        torch.set_num_threads(threads)
    model = DecoderForCausalLM(_config(sizes)).train()
    torch.nn.Module.to(model, device)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    tokens = torch.randint(0, sizes.vocab_size, (micro_batch, length), device=device)
    passes, started, steps = per_process // micro_batch, time.perf_counter(), -_FIRST
    while steps < 1 or time.perf_counter() - started < SECONDS:
        if steps == 0:
            started = time.perf_counter()
        for _ in range(passes):
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
                loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss.detach())  # a GPU is waited for
        steps += 1
    return (time.perf_counter() - started) / steps, f"by a probe of {steps} steps"


def _config(sizes: DecoderSizes) -> DecoderConfig:
    return DecoderConfig(
        vocab_size=sizes.vocab_size,
        hidden_size=sizes.hidden_size,
        intermediate_size=sizes.intermediate_size,
        num_hidden_layers=sizes.num_hidden_layers,
        num_attention_heads=sizes.num_attention_heads,
        num_key_value_heads=sizes.num_key_value_heads,
        head_dim=sizes.head_dim,
        max_position_embeddings=sizes.max_position_embeddings,
        position_encoding="learned" if sizes.learned_positions else "rope",
        tie_word_embeddings=sizes.tie_word_embeddings,
    )
