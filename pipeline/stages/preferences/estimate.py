"""What sampling and judging pairs takes; imports no torch."""

from __future__ import annotations

from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.data.sizes import size_of
from pipeline.models.sizes import forward_flops, sampling_bytes
from pipeline.stages.preferences.config import Config
from pipeline.training.estimate import model_facts, unknown_after

_ROWS = 128
"""Answers sampled side by side, by `data.answers`."""
_ROW_BYTES = 300
"""Of a written pair, beside its texts."""


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Two answers to each prompt, as long as they may be; pairs that cannot be compared are drawn again."""
    model, prompts = model_facts(inputs.policy, context), size_of(inputs.prompts)
    prompt_tokens = prompts.row_tokens(model.bytes_per_token if model else None)
    pairs = config.pairs + config.held_out
    tokens = Figure(2 * pairs * config.max_new_tokens, "<=")
    both = Figure(2 * (prompt_tokens + config.max_new_tokens), "<=") if prompt_tokens else None
    makes = {"pairs": Figure(config.pairs), "pair_tokens": both}
    if model is None or prompt_tokens is None:
        why = (
            unknown_after({"policy": inputs.policy}, context)
            if model is None
            else "its prompts are not read for a plan"
        )
        return Estimate(tokens=tokens, unknown=dict.fromkeys(("flops", "memory_bytes"), why), makes=makes)
    length = prompt_tokens + config.max_new_tokens
    longest = prompts.longest_tokens(model.bytes_per_token)
    sampling = sampling_bytes(model.sizes, min(_ROWS, 2 * pairs), longest, config.max_new_tokens)
    return Estimate(
        tokens=tokens,
        flops=Figure(2 * pairs * forward_flops(model.sizes, length, length), "<="),
        memory_bytes=Figure(4 * model.weights + sampling, "~"),
        disk_bytes=Figure(pairs * ((prompts.row_bytes or 0) + 8 * config.max_new_tokens + _ROW_BYTES), "~"),
        notes=("answers as long as they may be",),
        pace={"drawn": Figure(pairs, "~")},
        makes=makes,
    )
