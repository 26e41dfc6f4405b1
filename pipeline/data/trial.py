"""A trial of a model just trained: it answers held-out prompts, and the answers are looked at.

Whether they end, differ, depend on their prompts, and keep to what was asked, as far as the data's own judge knows.
Thorough measuring is the evaluate stage's work.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from transformers import PreTrainedModel, TokenizersBackend

from pipeline.core.artifact import Artifact
from pipeline.core.references import Resolved
from pipeline.core.stage import StageContext
from pipeline.data.answers import Answers, sample_answers
from pipeline.data.chat import prompt_ids
from pipeline.data.estimates import mean
from pipeline.data.prompt_use import prompt_gain, taught, template_figures, with_other_prompts
from pipeline.data.scorers import true_judge
from pipeline.data.slices import over_ranks
from pipeline.data.supervised import Rows, common_columns, prompt_of, spread
from pipeline.models.loading import require_pad_token


def trial(
    model: PreTrainedModel,
    tokenizer: TokenizersBackend,
    source: Resolved | Artifact,
    rows: Rows,
    context: StageContext,
    *,
    count: int,
    max_new_tokens: int,
) -> tuple[dict[str, Any], Rows]:
    """Figures of at most `count` answers at temperature 1 to the prompts of `rows`, and the answers as rows.

    Figures: `ended_share`, `distinct_share`, `mean_length` in tokens, the mean of each quality that the judge of a
    builtin's truth knows, and those of `prompt_use`. Prompts that leave no room for an answer are passed over.
    """
    room = model.config.max_position_embeddings - max_new_tokens
    asked = [row for row in spread(rows, count) if len(prompt_ids(tokenizer, prompt_of(row))) <= room]
    if not asked:
        return {}, []
    prompts = [prompt_of(row) for row in asked]
    answers = _answers(model, tokenizer, prompts, context, max_new_tokens)
    qualities = qualities_of(source, prompts, answers.texts, common_columns(asked))
    figures = {
        "sampled_answers": len(asked),
        "ended_share": fmean(answers.ended),
        "distinct_share": len(set(answers.texts)) / len(answers.texts),
        "mean_length": fmean(answers.token_counts),
        **{f"{name}_share": fmean(values) for name, values in qualities.items()},
        **prompt_figures(model, tokenizer, asked, context, max_new_tokens),
    }
    return figures, [
        {"prompt": prompt, "answer": text, "ended": ended, **{name: values[i] for name, values in qualities.items()}}
        for i, (prompt, text, ended) in enumerate(zip(prompts, answers.texts, answers.ended, strict=True))
    ]


def _answers(
    model: PreTrainedModel, tokenizer: TokenizersBackend, prompts: Sequence[Any], context: StageContext, length: int
) -> Answers:
    def answer(part: range) -> list[tuple[str, bool, int]]:
        mine = sample_answers(
            model, tokenizer, prompts[part.start : part.stop], seed=context.seed, temperature=1.0,
            max_new_tokens=length, first_index=part.start,
        )  # fmt: skip
        return list(zip(mine.texts, mine.ended, mine.token_counts, strict=True))

    texts, ended, counts = zip(*over_ranks(context.processes, len(prompts), answer), strict=True)
    return Answers(list(texts), list(ended), list(counts))


def prompt_figures(
    model: PreTrainedModel, tokenizer: TokenizersBackend, rows: Rows, context: StageContext, max_new_tokens: int
) -> dict[str, Any]:
    """How the rows' own answers hang together with their prompts: by the template, and to the model.

    `prompt_gain` is what a prompt tells of its answer, in nats, against another row's prompt.
    """
    lessons = [taught(tokenizer, row) for row in rows]
    figures = template_figures(lessons, tokenizer.eos_token_id, max_new_tokens)
    pairs = with_other_prompts(lessons, model.config.max_position_embeddings)
    if len(pairs) < 2:
        return figures
    pad_id = require_pad_token(tokenizer)

    def gains(part: range) -> list[float]:
        return [prompt_gain(model, pad_id, *pairs[place]) for place in part]

    gain = mean(over_ranks(context.processes, len(pairs), gains))
    return figures | {"prompt_gain": gain.value, "prompt_gain_error": gain.standard_error, "prompt_gain_rows": gain.n}


def qualities_of(
    source: Resolved | Artifact, prompts: Sequence[Any], texts: Sequence[str], columns: dict[str, list[Any]]
) -> dict[str, list[float]]:
    """What the judge of a builtin's truth says of the answers; nothing for other data."""
    judge = true_judge(source)
    return judge.qualities(prompts, texts, **columns) if judge else {}


def write_answers(path: Path, rows: Rows) -> None:
    """One JSON object per line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
