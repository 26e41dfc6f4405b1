"""Measure every model alone, let all answer the same prompts, have the answers judged, write it down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.artifacts import Model
from pipeline.core.artifact import write_json
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.builtin import CATALOGUE
from pipeline.data.reading import read_prompts
from pipeline.data.scorers import open_scorer
from pipeline.stages.evaluate.config import Config
from pipeline.stages.evaluate.exact_match import ExactMatch
from pipeline.stages.evaluate.figures import Figure, Win
from pipeline.stages.evaluate.open_answers import (
    Answered,
    answer_figures,
    answer_prompts,
    chosen_prompts,
    judged,
    sample_rows,
    win_rates,
)
from pipeline.stages.evaluate.perplexity import Perplexity
from pipeline.stages.evaluate.subject import Measure, Setting, open_subject
from pipeline.stages.evaluate.summary import headline, summary


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Write `evaluation.json` (every figure with its error) and `samples.jsonl`."""
    setting = Setting(config, inputs.corpus, context.seed, context.processes)
    measures = [open_measure(task) for task in inputs.tasks]
    rows = chosen_prompts(read_prompts(inputs.prompts), config.num_prompts, context.seed) if inputs.prompts else []
    figures, answered = measured(inputs, measures, rows, setting, context)
    figures, wins, answered = compared(inputs, figures, answered, rows, setting)
    if context.processes.is_main:
        content = {
            "models": [model.address for model in inputs.models],
            "figures": [figure.row() for figure in figures],
            "win_rates": [win.row() for win in wins],
        }
        write_json(context.output / "evaluation.json", content)
        write_rows(context.output / "samples.jsonl", sample_rows(answered, rows, config.samples))
    metrics = summary(figures, wins)
    return Outcome(metrics=metrics, headline=headline(inputs.models[-1].address, metrics))


def open_measure(task: Resolved) -> Measure:
    """Perplexity measures by itself; any other task is questions with answers."""
    opened = CATALOGUE["task", str(task.name)].open()
    return opened if isinstance(opened, Perplexity) else ExactMatch(opened)


def measured(
    inputs: Inputs, measures: Sequence[Measure], rows: list[dict[str, Any]], setting: Setting, context: StageContext
) -> tuple[list[Figure], list[Answered]]:
    """Each model's own figures and its answers to the prompts; one model is in memory at a time."""
    models = with_opponent(inputs)
    figures: list[Figure] = []
    answered: list[Answered] = []
    for place, artifact in enumerate(models):
        subject = open_subject(artifact)
        if artifact in inputs.models:
            for measure in measures:
                figures += measure.figures(subject, setting)
        if rows:
            answered.append(Answered(artifact.address, answer_prompts(subject, rows, setting)))
        context.progress.update(place + 1, len(models), unit="model")
    return figures, answered


def with_opponent(inputs: Inputs) -> list[Model]:
    """The models, and the one that they are compared with if it is none of them."""
    models = list(inputs.models)
    if inputs.win_rate and inputs.win_rate.against not in models:
        models.append(inputs.win_rate.against)
    return models


def compared(
    inputs: Inputs, figures: list[Figure], answered: list[Answered], rows: list[dict[str, Any]], setting: Setting
) -> tuple[list[Figure], list[Win], list[Answered]]:
    """All figures with those of the answers, the wins, and the answers with what the judges said."""
    opponent, wins = None, []
    if inputs.win_rate:
        judges = {source.address: open_scorer(source) for source in inputs.win_rate.judges}
        answered = [judged(one, judges, rows, setting) for one in answered]
        opponent = next(one for one in answered if one.model == inputs.win_rate.against.address)
        wins = win_rates(answered, opponent)
    return figures + [figure for one in answered for figure in answer_figures(one, opponent)], wins, answered


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One JSON object per line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
