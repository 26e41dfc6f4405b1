"""Does the evaluation make sense, and is the last model better than what it was compared with."""

from __future__ import annotations

from typing import Any

from pipeline.core.artifact import Artifact, read_json
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.stages.evaluate.config import Config
from pipeline.stages.evaluate.summary import MARGIN

BELOW_FLOOR = -0.002
"""Nats per byte below a text's own entropy that no honest model reaches: it saw the text, or the loss is wrong."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """Losses against the floor for every model; tasks, endings, wins and what was lost for the last one."""
    evaluation = read_json(artifact.path / "evaluation.json")
    last = evaluation["models"][-1]
    checks = [floor(figure) for figure in evaluation["figures"] if figure["metric"] == "excess_nats_per_byte"]
    checks += [tasks(last, task, count) for task, count in artifact.metrics["groups_learned"].get(last, {}).items()]
    checks += [ended(figure) for figure in answers_of(evaluation, last) if figure["metric"] == "ended"]
    if config.win_rate:
        checks += [wins(win) for win in evaluation["win_rates"] if win["model"] == last]
        checks += lost_qualities(evaluation, last, inputs.win_rate.against.address)
    return checks


def answers_of(evaluation: dict[str, Any], model: str) -> list[dict[str, Any]]:
    """One model's figures on open prompts."""
    return [figure for figure in evaluation["figures"] if figure["task"] == "answers" and figure["model"] == model]


def floor(figure: dict[str, Any]) -> Check:
    """No model may predict generated text better than the process that made it, beyond what the sample allows."""
    allowed = BELOW_FLOOR - 3 * (figure["standard_error"] or 0.0)
    return Check(
        f"{figure['model']}: nats per byte above the text's entropy",
        round(figure["value"], 5),
        f"at least {allowed:.5f}",
        "fail" if figure["value"] < allowed else "pass",
        "the loss is wrong, or these documents were trained on",
    )


def tasks(model: str, task: str, count: str) -> Check:
    """How many groups of a task the last model learned."""
    verdict = "warn" if count.startswith("0 ") else "pass"
    return Check(
        f"{model}: {task} at least {MARGIN} above baseline", count, "at least 1", verdict, "train instruct longer"
    )


def ended(figure: dict[str, Any]) -> Check:
    """Whether answers end by themselves."""
    verdict = "warn" if figure["value"] < 0.9 else "pass"
    return Check(f"{figure['model']}: answers that end", round(figure["value"], 4), "at least 0.9", verdict,
                 "raise max_new_tokens, or look at the samples")  # fmt: skip


def wins(win: dict[str, Any]) -> Check:
    """Whether the last model's answers are better than those it is compared with, by more than luck."""
    bar = 0.5 + 2 * (win["standard_error"] or 0.0)
    return Check(
        f"{win['model']}: win rate against {win['against']} by {win['judge']}",
        round(win["win_rate"], 4),
        f"above {bar:.3f}",
        "pass" if win["win_rate"] > bar else "warn",
        "look at the reward model's accuracy and at the KL that ppo reached",
    )


def lost_qualities(evaluation: dict[str, Any], model: str, against: str) -> list[Check]:
    """Grammar, format and the like may not be paid for a higher score."""
    if model == against:
        return []
    bars = {figure["metric"]: max(figure["value"] - 0.05, 0.0) for figure in answers_of(evaluation, against)}
    known = {"ended", "length", "distinct", "score", "score_gain_at_matched_length"}
    return [
        Check(
            f"{model}: {figure['metric']}",
            round(figure["value"], 4),
            f"at least {bars[figure['metric']]:.3f} ({against} less 0.05)",
            "warn" if figure["value"] < bars[figure["metric"]] else "pass",
            "the score was bought with something else: raise kl_coefficient",
        )
        for figure in answers_of(evaluation, model)
        if figure["metric"] not in known
    ]
