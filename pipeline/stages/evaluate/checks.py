"""Does the evaluation make sense, and is the last model better than what it was compared with."""

from __future__ import annotations

import math
from typing import Any

from pipeline.core.artifact import Artifact, read_json
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.stages.evaluate.config import Config
from pipeline.stages.evaluate.summary import MARGIN

BELOW_FLOOR = -0.002
"""Nats per byte below a text's own entropy that no honest model reaches: it saw the text, or the loss is wrong."""
QUALITY_LOSS, QUALITY_LOST = 0.05, 0.5
"""What a better score may cost of another quality before a warning, and before the model is worth less than before."""
OF_GUESSING = 0.9
"""Of the perplexity of guessing among all tokens; a model with random weights is about there."""
WRONG_MODEL = "is this the model that you mean? else something went wrong where it was made"

Row = dict[str, Any]


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """Losses against chance and the floor for every model; tasks, endings, wins and what was lost for the last one."""
    evaluation = read_json(artifact.path / "evaluation.json")
    last, figures = evaluation["models"][-1], evaluation["figures"]
    against = inputs.win_rate.against.address if config.win_rate else None
    selection = selection_per_byte(inputs)
    checks = [floor(figure, selection) for figure in figures if figure["metric"] == "excess_nats_per_byte"]
    perplexities = {row["model"]: row["value"] for row in figures if row["metric"] == "perplexity"}
    checks += [
        beats_guessing(model.address, perplexities[model.address], vocabulary_of(model))
        for model in inputs.models
        if model.address in perplexities
    ]
    checks += [tasks(last, task, count) for task, count in artifact.metrics["groups_learned"].get(last, {}).items()]
    bar = ended_share(evaluation, against) if against else 0.0
    checks += [ended(figure, bar) for figure in answers_of(evaluation, last) if figure["metric"] == "ended"]
    checks += [wins(win) for win in evaluation["win_rates"] if win["model"] == last]
    return checks + (lost_qualities(evaluation, last, against) if against else [])


def answers_of(evaluation: Row, model: str) -> list[Row]:
    """One model's figures on open prompts."""
    return [figure for figure in evaluation["figures"] if figure["task"] == "answers" and figure["model"] == model]


def selection_per_byte(inputs: Inputs) -> float:
    """By how much choosing documents may have lowered their entropy: log(1 / share kept) nats a document."""
    found = inputs.corpus.metrics if inputs.corpus else {}
    if not found.get("selection_nats"):
        return 0.0
    return found["selection_nats"] * found["validation_documents"] / found["validation_bytes"]


def floor(figure: Row, selection: float = 0.0) -> Check:
    """No model may predict generated text better than the process that made it, beyond what the sample allows."""
    allowed = BELOW_FLOOR - selection - 3 * (figure["standard_error"] or 0.0)
    return Check(
        f"{figure['model']}: nats per byte above the text's entropy",
        round(figure["value"], 5),
        f"at least {allowed:.5f} ({figure['n']} documents)",
        graded(fail=figure["value"] < allowed),
        "the loss is wrong, or these documents were trained on",
    )


def vocabulary_of(model: Artifact) -> int:
    """How many tokens the model chooses among."""
    return read_json(model.path / "config.json")["vocab_size"]


def beats_guessing(model: str, perplexity: float, vocab_size: int) -> Check:
    """A model that predicts no better than by guessing knows nothing of this text."""
    return Check(
        f"{model}: perplexity",
        round(perplexity, 2),
        f"far below {vocab_size}, the vocabulary",
        graded(fail=perplexity >= OF_GUESSING * vocab_size),
        WRONG_MODEL,
    )


def tasks(model: str, task: str, count: str) -> Check:
    """How many groups of a task the last model learned."""
    verdict = graded(warn=count.startswith("0 "))
    return Check(
        f"{model}: {task} at least {MARGIN} above baseline", count, "at least 1", verdict, "train instruct longer"
    )


def ended_share(evaluation: Row, model: str) -> float:
    """The share of a model's answers that end."""
    return next(figure["value"] for figure in answers_of(evaluation, model) if figure["metric"] == "ended")


def ended(figure: Row, before: float = 0.0) -> Check:
    """Whether answers end by themselves; far less often than `before`, and it is another model."""
    upper = figure["value"] + 2 * (figure["standard_error"] or 0.0)
    lost = upper < before / 2
    return Check(
        f"{figure['model']}: answers that end",
        round(figure["value"], 4),
        f"at least 0.9 within error ({figure['n']} answers)",
        graded(warn=upper < 0.9, fail=lost),
        WRONG_MODEL if lost else "raise max_new_tokens, or look at the samples",
    )


def wins(win: Row) -> Check:
    """Whether the last model's answers are better than those it is compared with, by more than luck; never worse."""
    margin = 2 * (win["standard_error"] or 0.0)
    return Check(
        f"{win['model']}: win rate against {win['against']} by {win['judge']}",
        round(win["win_rate"], 4),
        f"above {0.5 + margin:.3f}, never below {0.5 - margin:.3f} ({win['n']} prompts)",
        graded(warn=win["win_rate"] <= 0.5 + margin, fail=win["win_rate"] < 0.5 - margin),
        "look at the reward model's accuracy and at the KL that ppo reached; is this the model that you mean?",
    )


def lost_qualities(evaluation: Row, model: str, against: str) -> list[Check]:
    """Grammar, format and the like may not be paid for a higher score."""
    if model == against:
        return []
    known = {"ended", "length", "distinct", "score", "score_gain_at_matched_length"}
    before = {figure["metric"]: figure for figure in answers_of(evaluation, against)}
    return [
        quality(figure, before[figure["metric"]])
        for figure in answers_of(evaluation, model)
        if figure["metric"] not in known
    ]


def quality(figure: Row, before: Row) -> Check:
    """One quality, against that of the other model's answers."""
    error = math.hypot(figure["standard_error"] or 0.0, before["standard_error"] or 0.0)
    lost = before["value"] - figure["value"] - 2 * error
    advice = "the score was bought with something else: raise kl_coefficient"
    return Check(
        f"{figure['model']}: {figure['metric']}",
        round(figure["value"], 4),
        f"at least {max(before['value'] - QUALITY_LOSS, 0):.3f} ({before['model']} less {QUALITY_LOSS}) "
        f"within {2 * error:.3f}",
        graded(warn=lost > QUALITY_LOSS, fail=lost > QUALITY_LOST),
        WRONG_MODEL if lost > QUALITY_LOST else advice,
    )
