"""What models answer to open prompts: the answers themselves, what judges say of them, and how models compare.

Every model answers the same prompts with the same uniforms, so that differences between models are not mere luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.data.answers import Answers, require_answers_fit, sample_answers
from pipeline.data.estimates import matched_difference, mean, wins
from pipeline.data.judge import Judge
from pipeline.data.scorers import other_columns, score_rows
from pipeline.data.slices import over_ranks
from pipeline.stages.evaluate.figures import Figure, Win
from pipeline.stages.evaluate.subject import Setting, Subject

TASK = "answers"


@dataclass(frozen=True)
class Answered:
    """One model's answers to the prompts, and what was said of them."""

    model: str
    answers: Answers
    scores: Mapping[str, list[float]] = field(default_factory=dict)
    """By judge."""
    qualities: Mapping[str, list[float]] = field(default_factory=dict)
    """Whatever else the judges know of an answer, by name: grammatical, format."""


def chosen_prompts(rows: Sequence[dict[str, Any]], limit: int, seed: int) -> list[dict[str, Any]]:
    """At most `limit` of the rows, drawn by the seed."""
    order = np.random.default_rng(seed).permutation(len(rows))[:limit]
    return [rows[place] for place in order]


def answer_prompts(subject: Subject, rows: Sequence[dict[str, Any]], setting: Setting) -> Answers:
    """The model's answers; the rows are shared among the processes."""
    config = setting.config
    require_answers_fit(rows, subject.tokenizer, subject.model.config.max_position_embeddings, config.max_new_tokens)

    def answer(part: range) -> list[tuple[str, bool, int]]:
        answers = sample_answers(
            subject.model,
            subject.tokenizer,
            [row["prompt"] for row in rows[part.start : part.stop]],
            seed=setting.seed,
            temperature=config.temperature,
            max_new_tokens=config.max_new_tokens,
            first_index=part.start,
        )
        return list(zip(answers.texts, answers.ended, answers.token_counts, strict=True))

    texts, ended, token_counts = zip(*over_ranks(setting.processes, len(rows), answer), strict=True)
    return Answers(list(texts), list(ended), list(token_counts))


def judged(
    answered: Answered, judges: Mapping[str, Judge], rows: Sequence[dict[str, Any]], setting: Setting
) -> Answered:
    """The same answers with every judge's scores and qualities; the rows are shared among the processes."""
    scores, qualities = {}, dict(answered.qualities)
    for name, judge in judges.items():

        def verdicts(part: range, judge: Judge = judge) -> list[tuple[float, dict[str, float]]]:
            own, texts = rows[part.start : part.stop], answered.answers.texts[part.start : part.stop]
            known = judge.qualities([row["prompt"] for row in own], texts, **other_columns(own))
            return [
                (score, {quality: values[place] for quality, values in known.items()})
                for place, score in enumerate(score_rows(judge, own, texts))
            ]

        said = over_ranks(setting.processes, len(rows), verdicts)
        scores[name] = [score for score, _ in said]
        qualities.update({quality: [known[quality] for _, known in said] for quality in said[0][1]})
    return Answered(answered.model, answered.answers, scores, qualities)


def answer_figures(answered: Answered, against: Answered | None) -> list[Figure]:
    """How a model's answers are: ended, long, distinct, scored; and the score against another's at like length."""
    answers = answered.answers
    counts = [float(count) for count in answers.token_counts]
    first_place = {text: place for place, text in reversed(list(enumerate(answers.texts)))}
    first_seen = [float(first_place[text] == place) for place, text in enumerate(answers.texts)]
    columns = [
        ("all", "ended", [float(end) for end in answers.ended]),
        ("all", "length", counts),
        ("all", "distinct", first_seen),
        *(("all", quality, values) for quality, values in answered.qualities.items()),
        *((judge, "score", values) for judge, values in answered.scores.items()),
    ]
    figures = [Figure(answered.model, TASK, group, metric, mean(values)) for group, metric, values in columns]
    if against is None or against.model == answered.model:
        return figures
    return figures + [
        Figure(answered.model, TASK, judge, "score_gain_at_matched_length", gain)
        for judge, values in answered.scores.items()
        if (
            gain := matched_difference(
                values, answers.token_counts, against.scores[judge], against.answers.token_counts
            )
        )
    ]


def win_rates(answered: Sequence[Answered], against: Answered) -> list[Win]:
    """Every other model's wins over `against`, by every judge."""
    return [
        Win(
            one.model,
            against.model,
            judge,
            wins(values, against.scores[judge]),
            sum(a == b for a, b in zip(values, against.scores[judge], strict=True)),
        )
        for one in answered
        if one.model != against.model
        for judge, values in one.scores.items()
    ]


def sample_rows(answered: Sequence[Answered], rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The first `count` prompts with every model's answer, prompt by prompt."""
    return [
        {
            "index": place,
            "prompt": rows[place]["prompt"],
            "model": one.model,
            "completion": one.answers.texts[place],
            "ended": one.answers.ended[place],
            "length": one.answers.token_counts[place],
            "scores": {judge: values[place] for judge, values in one.scores.items()},
            "qualities": {quality: values[place] for quality, values in one.qualities.items()},
        }
        for place in range(min(count, len(rows)))
        for one in answered
    ]
