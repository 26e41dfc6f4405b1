"""The same prompts after one stage and the next, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.numbers import number
from pipeline.report.reading import RunRecord, StageRecord, read_rows
from pipeline.report.views import Answer, Sample

MOST_PROMPTS = 8
_MOST_LETTERS = 800

Messages = Sequence[Mapping[str, Any]]


def samples(run: RunRecord) -> list[Sample]:
    """From the last evaluation that kept samples; without one, from the stages' own, where they share prompts."""
    for stage in reversed(run.stages):
        if stage.kind == "evaluate" and stage.state == "made":
            rows = read_rows(stage.folder / "samples.jsonl")
            if rows:
                return _of_evaluation(rows)
    return _of_stages([stage for stage in run.stages if stage.state == "made"])


def _of_evaluation(rows: Sequence[Mapping[str, Any]]) -> list[Sample]:
    by_prompt: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_prompt.setdefault(row["index"], []).append(row)
    return [
        Sample(
            shown(own[0]["prompt"]),
            [Answer(row["model"], legible(row["completion"]), row["ended"], _scores(row["scores"])) for row in own],
        )
        for own in list(by_prompt.values())[:MOST_PROMPTS]
    ]


def _scores(scores: Mapping[str, float]) -> str:
    return " · ".join(f"{judge.removeprefix('builtin:')} {number(score)}" for judge, score in scores.items())


def _of_stages(stages: Sequence[StageRecord]) -> list[Sample]:
    """Those prompts first that the most stages answered."""
    by_prompt: dict[str, list[Answer]] = {}
    for stage in stages:
        if stage.kind in ("sft", "instruct", "ppo", "dpo"):
            for row in read_rows(stage.folder / "samples.jsonl"):
                by_prompt.setdefault(shown(row["prompt"]), []).extend(_answers(stage, row))
    by_count = sorted(by_prompt.items(), key=lambda item: -len(item[1]))
    return [Sample(prompt, answers) for prompt, answers in by_count[:MOST_PROMPTS]]


def _answers(stage: StageRecord, row: Mapping[str, Any]) -> list[Answer]:
    if "answer" in row:
        return [Answer(stage.id, legible(row["answer"]), row["ended"], "")]
    sides = (f"before {stage.id}", row["before"]), (stage.id, row["after"])
    return [
        Answer(name, legible(side["text"]), side["ended"], f"score {number(side['score'])}") for name, side in sides
    ]  # fmt: skip


def shown(messages: Messages) -> str:
    """A prompt as text; who speaks is said where there is more than one turn."""
    if len(messages) == 1:
        return legible(str(messages[0]["content"]))
    return legible("\n".join(f"{message['role']}: {message['content']}" for message in messages))


def legible(text: str) -> str:
    """Text that can be shown: not endless, and what a terminal would obey replaced."""
    shown = "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return shown if len(shown) <= _MOST_LETTERS else shown[:_MOST_LETTERS] + " …"
