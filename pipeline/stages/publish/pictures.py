"""The pictures of a card: those of the report, as PNG files beside it, each with a text for who cannot see it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.stages.publish.lineage import Ancestor

FOLDER = "figures"
SHOWN_WIDTH = 480
SCORES = (("score", "learned score"), ("true_score", "true score"))
"""What a policy may have been scored by, as ppo logs it."""


@dataclass(frozen=True)
class Picture:
    """One picture."""

    name: str
    alt: str
    content: bytes

    @property
    def path(self) -> str:
        """Its place in the repository."""
        return f"{FOLDER}/{self.name}.png"

    @property
    def markdown(self) -> str:
        """The line that shows it, at half the width of a page."""
        return f'<p><img src="{self.path}" alt="{html.escape(self.alt)}" width="{SHOWN_WIDTH}"></p>'


def picture(name: str, alt: str, figure: Any) -> list[Picture]:
    """A figure as a picture; nothing where there was nothing to draw."""
    from pipeline.figures.drawing import png

    return [] if figure is None else [Picture(name, alt, png(figure))]


def reward_course(stage: Ancestor, steps: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Score against KL over a policy's training."""
    from pipeline.figures.courses import reward_against_kl

    alt = f"Scores of {stage.id} against its KL divergence from the reference, step by step"
    return picture(f"{stage.id}-reward-against-kl", alt, reward_against_kl(steps, SCORES))


def reward_calibration(stage: Ancestor) -> list[Picture]:
    """Whether a reward model is as sure as it is right."""
    from pipeline.figures.calibration import calibration

    alt = f"How often held-out labels agreed with {stage.id}, against how sure it was"
    return picture(f"{stage.id}-calibration", alt, calibration(stage.metrics.get("calibration", [])))


def task_shares(figures: Sequence[Mapping[str, Any]], models: Sequence[str]) -> Iterator[tuple[str, Picture]]:
    """For every task with right and wrong answers, the share of right ones by model."""
    from pipeline.figures.evaluation import tasks_by_stage

    exact = [row for row in figures if row["metric"] == "exact_match" and row["group"] != "all"]
    for task in dict.fromkeys(row["task"] for row in exact):
        alt = f"Share of right answers to {task} by model, with standard errors"
        rows = [row for row in exact if row["task"] == task]
        for drawn in picture(task, alt, tasks_by_stage(rows, models)):
            yield task, drawn


def win_shares(wins: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """How often answers were preferred."""
    from pipeline.figures.evaluation import win_rates

    against = wins[0]["against"] if wins else ""
    return picture("win-rates", f"How often answers were preferred to those of {against}", win_rates(wins))


def documents_left(steps: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """What each step of cleaning let pass."""
    from pipeline.figures.corpus import funnel

    return picture("funnel", "Documents left after each step of cleaning", funnel(steps))


def corpus_pictures(steps: Sequence[Mapping[str, Any]], profile: Mapping[str, Any], threshold: float) -> list[Picture]:
    """What each step of cleaning let pass, how long the documents are, how alike the near duplicates were."""
    from pipeline.figures.corpus import lengths, similarities

    alike = similarities(profile["similarity"], threshold)
    return [
        *documents_left(steps),
        *picture("lengths", "How many documents have which length in characters", lengths(profile["lengths"])),
        *picture("similarity", "How alike dropped documents were to the ones that stay", alike),
    ]
