"""Verdicts on a model tuned on conversations, from the figures of its trial. Pure.

Shares are held against their bar with the error of the sample: two standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipeline.core.stage import Check, graded

_ENDED, _FORMAT, _DISTINCT = 0.95, {"opener_and_lines": 0.95, "format": 0.8}, 0.9
_NOT_LEARNED = 0.25
"""A format that fewer answers keep to than this was not learned."""
_FEWEST_ROWS = 20
"""Rows below which one figure's error is itself too uncertain to call a model useless."""


def lesson_checks(figures: Mapping[str, Any], prefix: str = "") -> list[Check]:
    """What training was shown: tokens that bear loss, end tokens among them, answers that continue their prompts."""
    checks = []
    if not prefix:
        bearing = figures["loss_tokens"]
        checks.append(
            Check("tokens that bear loss", bearing, "above 0", graded(fail=not bearing), "mend the chat template")
        )
    if f"{prefix}ends_taught" in figures:
        checks += [
            taught(f"{of(prefix)}answers whose end token bears loss", figures[f"{prefix}ends_taught"],
                   "the chat template must put the end token inside the answer ({% generation %})"),
            taught(f"{of(prefix)}answers trained after the prompt they are asked with",
                   figures[f"{prefix}prompts_continued"],
                   "the chat template asks for an answer (add_generation_prompt) otherwise than it writes one"),
        ]  # fmt: skip
    return checks


def taught(name: str, share: float, advice: str) -> Check:
    """A share that the template alone decides: all of the rows, or the template is wrong."""
    return Check(name, round(share, 4), "1.0", graded(warn=share < 1, fail=share < 0.5), advice)


def answer_checks(figures: Mapping[str, Any], prefix: str = "") -> list[Check]:
    """The trial's answers: they depend on the prompt, end, differ, and keep to what was asked where a judge knows.

    How many should end, and differ, is read off the data's own answers to the same prompts; all of them, for models
    that were trained before this was measured.
    """
    if f"{prefix}ended_share" not in figures:
        return []
    count = figures.get(f"{prefix}sampled_answers", 100)
    checks = [ended(figures, prefix, count), distinct(figures, prefix, count)]
    if f"{prefix}prompt_gain" in figures:
        checks.append(prompts_matter(figures, prefix))
    for name, bar in _FORMAT.items():
        if f"{prefix}{name}_share" in figures:
            share = figures[f"{prefix}{name}_share"]
            upper = share + two_errors(share, count)
            verdict = graded(warn=upper < bar, fail=upper < _NOT_LEARNED)
            checks.append(Check(f"{of(prefix)}{name}", round(share, 4), at_least(bar, count), verdict, "train longer"))
    return checks


def ended(figures: Mapping[str, Any], prefix: str, count: int) -> Check:
    """Answers that end, against the data's own answers that are short enough to.

    Too few of them is a failure: whatever samples from the model gets cut text.
    """
    share, bar = figures[f"{prefix}ended_share"], _ENDED * figures.get(f"{prefix}data_short_enough", 1.0)
    upper = share + two_errors(share, count)
    # Nothing can end where no answer fits: then it is the limit that is wrong, not the model.
    verdict = graded(warn=upper < bar or bar == 0, fail=upper < bar / 2)
    advice = "train longer, or raise max_new_tokens"
    return Check(f"{of(prefix)}answers that end", round(share, 4), at_least(bar, count), verdict, advice)


def distinct(figures: Mapping[str, Any], prefix: str, count: int) -> Check:
    """Different answers, against how many of the data's own answers differ."""
    share, bar = figures[f"{prefix}distinct_share"], _DISTINCT * figures.get(f"{prefix}data_distinct", 1.0)
    upper = share + two_errors(share, count)
    verdict = graded(warn=upper < bar, fail=upper < bar / 4)
    advice = "train less, or on more varied data; the learning rate may be too high"
    return Check(f"{of(prefix)}distinct answers", round(share, 4), at_least(bar, count), verdict, advice)


def prompts_matter(figures: Mapping[str, Any], prefix: str) -> Check:
    """What a prompt tells the model of its answer, in nats: none, and the model does not listen."""
    gain, error, rows = (
        figures[f"{prefix}{name}"] for name in ("prompt_gain", "prompt_gain_error", "prompt_gain_rows")
    )
    unheard = gain <= 3 * error
    return Check(
        f"{of(prefix)}nats that a prompt tells of its answer",
        round(gain, 3),
        f"above {3 * error:.3f}, three standard errors ({rows} rows)",
        graded(warn=unheard, fail=unheard and rows >= _FEWEST_ROWS),
        "answers do not depend on prompts: are the data's answers beside their own prompts? else train longer",
    )


def of(prefix: str) -> str:
    """What a check's name begins with: `valley_tasks: ` for the figures `valley_tasks_...`."""
    return f"{prefix.removesuffix('_')}: " if prefix else ""


def two_errors(share: float, count: int) -> float:
    """Twice the standard error of a share; of one at 0 or 1, that of a single answer the other way."""
    return 2 * math.sqrt(max(share * (1 - share), 1 / count * (1 - 1 / count)) / count)


def at_least(bar: float, count: int) -> str:
    """The bar, and how many answers it is measured on."""
    return f"at least {bar:.3g} within error ({count} answers)"
