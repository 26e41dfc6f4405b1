"""Sample pairs of answers, score them, draw labels, write them as rows that trl's RewardTrainer and DPOTrainer read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.adopting import open_model
from pipeline.data.answers import require_answers_fit
from pipeline.data.reading import read_prompts
from pipeline.data.scorers import open_scorer
from pipeline.models.device import on_own_device
from pipeline.stages.preferences.candidates import Comparison
from pipeline.stages.preferences.config import Config
from pipeline.stages.preferences.figures import pair_figures
from pipeline.stages.preferences.labels import labelled
from pipeline.stages.preferences.pairs import Drawn, draw_pairs, split_prompts

HELD_OUT = 1 << 30
"""Number of the first held-out candidate: far from those of training, so that no stream of uniforms is used twice."""


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Write `train.jsonl` and `validation.jsonl`: prompt, chosen, rejected, scores, the prompt's other columns."""
    prompts = read_prompts(inputs.prompts)
    rows, held_out_rows = split_prompts(prompts, config.pairs, config.held_out, context.seed)
    model, adopted = open_model(inputs.policy.path)
    comparison = Comparison(
        model=on_own_device(model),
        tokenizer=adopted.tokenizer,
        judge=open_scorer(inputs.judge),
        config=config,
        seed=context.seed,
        processes=context.processes,
    )
    context_length = comparison.model.config.max_position_embeddings
    require_answers_fit(prompts, comparison.tokenizer, context_length, config.max_new_tokens)
    train = draw(comparison, rows, config.pairs, 0, context)
    validation = draw(comparison, held_out_rows, config.held_out, HELD_OUT, context)
    if context.processes.is_main:
        for name, drawn in (("train", train), ("validation", validation)):
            write_rows(context.output / f"{name}.jsonl", labelled_rows(drawn, config, context.seed))
    metrics = {
        **pair_figures(train, validation, config.sharpness, context.seed),
        "prompts": len(rows),
        "held_out_prompts": len(held_out_rows),
    }
    headline = f"{config.pairs:,} pairs, best possible accuracy {metrics['expected_ceiling']:.3f}"
    return Outcome(metrics=metrics, headline=headline)


def draw(comparison: Comparison, rows: list[dict[str, Any]], count: int, first: int, context: StageContext) -> Drawn:
    """`count` pairs on `rows`, from candidate `first` on, with progress."""

    def next_candidates(numbers: range) -> list[Any]:
        candidates = comparison.candidates(rows, numbers)
        context.progress.update(min(numbers.stop - first, count), count, unit="pair")
        return candidates

    return draw_pairs(next_candidates, count, first)


def labelled_rows(drawn: Drawn, config: Config, seed: int) -> list[dict[str, Any]]:
    """The pairs as rows, each with its drawn label."""
    return [labelled(pair, config.sharpness, seed) for pair in drawn.pairs]


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One JSON object per line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
