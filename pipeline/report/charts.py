"""Which charts a stage gets, by its kind; a kind that is not known here gets those that its `metrics.jsonl` allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from matplotlib.figure import Figure

from pipeline.core.artifact import read_json
from pipeline.data.course_config import COURSE
from pipeline.figures import calibration as calibrations
from pipeline.figures import corpus as corpora
from pipeline.figures import courses, evaluation
from pipeline.figures.drawing import svg
from pipeline.figures.series import Level, is_number, line_of
from pipeline.figures.style import SERIES
from pipeline.report.numbers import number, percent
from pipeline.report.reading import Rows, StageRecord, read_rows
from pipeline.report.views import Chart

Drawn = Iterator[tuple[str, str, Figure | None]]
"""Title, note and figure of each chart; those without a figure are left out."""

_LOSS_UNITS = {"reward": "nats per pair", "dpo": "nats per pair", "pretrain": "nats per token", "sft": "nats per token",
               "instruct": "nats per token"}  # fmt: skip


def charts(stage: StageRecord) -> list[Chart]:
    """The charts of one stage."""
    drawn = CHARTS.get(stage.kind, training_charts)(stage)
    return [
        Chart(title, note, svg(figure, f"{stage.id}-{place}", f"{stage.id}: {title}. {note}"))
        for place, (title, note, figure) in enumerate(drawn)
        if figure is not None
    ]


def training_charts(stage: StageRecord) -> Drawn:
    """Loss, learning rate, gradient norm and speed, as far as they were logged."""
    rows = stage.rows
    unit = _LOSS_UNITS.get(stage.kind, "loss")
    yield (
        "Training loss",
        span(rows, "loss") + _evaluated(stage),
        courses.training_curve(rows, loss_levels(stage), unit),
    )
    yield "Learning rate", span(rows, "learning_rate"), courses.learning_rate(rows)
    yield "Gradient norm", span(rows, "grad_norm"), _course(rows, [("grad_norm", "before clipping")], "norm")
    yield "Speed", _share_of_peak(rows), _course(rows, [("tokens_per_second", "speed")], "tokens a second")


def loss_levels(stage: StageRecord) -> list[Level]:
    """What a training loss is read against: the text's floor, a bigram model, held-out text; chance for pairs.

    Floor and bigram are brought to nats per token of the held-out text by its measured tokens per character and byte.
    """
    metrics = stage.metrics
    levels: list[Level] = []
    if stage.kind == "reward" or stage.settings.get("loss_type") == "sigmoid":
        levels.append(Level("chance", math.log(2)))
    if {"validation_loss", "bits_per_byte", "bigram_bits_per_byte"} <= metrics.keys():
        scale = metrics["validation_loss"] / metrics["bits_per_byte"]
        levels.append(Level("bigram", metrics["bigram_bits_per_byte"] * scale))
    if {"validation_loss", "nats_per_char", "excess_nats_per_char"} <= metrics.keys():
        excess = metrics["excess_nats_per_char"] * metrics["validation_loss"] / metrics["nats_per_char"]
        levels.append(Level("floor", metrics["validation_loss"] - excess))
    # Where the line is of everything that was held out, its end says what the level would.
    drawn = metrics.get("evaluated_windows") == metrics.get("validation_windows", -1)
    for name, value in metrics.items():
        if name.endswith("validation_loss") and is_number(value) and not (drawn and name == "validation_loss"):
            source = name.removesuffix("validation_loss").replace("_", " ").strip()
            levels.append(Level(f"unseen {source}".strip() if source else "held-out", value))
    return levels


def corpus_charts(stage: StageRecord) -> Drawn:
    """The funnel, lengths, and how alike near duplicates were."""
    path, counted = stage.folder / "funnel.json", stage.folder / "profile.json"
    if stage.state != "made" or not path.exists():
        return
    steps = read_json(path)["steps"]
    kept = f"{number(steps[-1]['out'])} of {number(steps[0]['in'])} documents stay" if steps else ""
    yield "The funnel", kept, corpora.funnel(steps)
    if counted.exists():
        profile = read_json(counted)
        middle = f"half of the documents are at most {number(profile['length']['half are at most'])} characters long"
        yield "Lengths", middle, corpora.lengths(profile["lengths"])
        near = (stage.settings.get("deduplicate") or {}).get("near")
        alike = corpora.similarities(profile["similarity"], near["threshold"]) if near else None
        yield "Near duplicates", "the dashed line is the threshold", alike


def pair_charts(stage: StageRecord) -> Drawn:
    """What the policy gained for its distance, if it is one; the loss, the accuracy, the calibration, then the rest."""
    points = read_rows(stage.folder / COURSE)
    score = [("true_score", "true score")] if _has(points, "true_score") else []
    yield "True score against KL", "each point is a step of training", courses.reward_against_kl(points, score)
    yield "KL from the reference", span(points, "kl"), _course(points, [("kl", "KL")], "nats per answer")
    loss, *rest = training_charts(stage)
    yield loss
    ceiling = [Level("the judge's own", stage.metrics["ceiling"])] if "ceiling" in stage.metrics else []
    yield (
        "Accuracy on the batches",
        span(stage.rows, "accuracy"),
        _course(stage.rows, [("accuracy", "accuracy")], "share of pairs", ceiling),
    )
    bins = stage.metrics.get("calibration", [])
    pairs = sum(part["n"] for part in bins)
    yield (
        "Calibration",
        f"{number(pairs)} held-out pairs in {len(bins)} bins; mean distance from the diagonal "
        f"{number(stage.metrics.get('calibration_error', 0.0))}",
        calibrations.calibration(bins),
    )
    yield from rest


_PHASES = ("sampling_seconds", "reading_seconds", "scoring_seconds", "update_seconds")


def policy_charts(stage: StageRecord) -> Drawn:
    """What the policy gained and what it paid: scores, KL, entropy, length, qualities; how the updates went."""
    rows = stage.rows
    scores = [("score", "learned score"), ("true_score", "true score")]
    qualities = [(name, name.removeprefix("true_").replace("_", " ")) for name in _qualities(rows)]
    rewards = [name for name in (rows[-1] if rows else {}) if name.startswith("score_of_")]
    yield "Score", span(rows, "true_score" if _has(rows, "true_score") else "score"), _course(rows, scores, "score")
    for part in _evenly([(name, name.removeprefix("score_of_").replace("_", " ")) for name in rewards]):
        yield "Each reward", "before its weight", _course(rows, part, "score")
    yield "Score against KL", "each point is one update", courses.reward_against_kl(rows, scores)
    yield "KL from the reference", span(rows, "kl"), _course(rows, [("kl", "KL")], "nats per answer")
    yield "Entropy", span(rows, "entropy"), _course(rows, [("entropy", "entropy")], "nats per token")
    yield "Length of answers", span(rows, "response_length"), _course(rows, [("response_length", "length")], "tokens")
    for part in _evenly(qualities):
        yield "What is true of the answers", _last(rows, part), _course(rows, part, "share of answers")
    update = [("clip_fraction", "clipped tokens"), ("explained_variance", "returns explained")]
    yield "The updates", _last(rows, update), _course(rows, update, "share")
    phases = [(name, name.removesuffix("_seconds")) for name in _PHASES]
    yield "Time of an update", "", _course(rows, phases, "seconds")
    yield "Learning rate", span(rows, "learning_rate"), courses.learning_rate(rows)
    yield "Loss", span(rows, "loss"), courses.training_curve(rows, unit="loss")


def evaluation_charts(stage: StageRecord) -> Drawn:
    """Shares of right answers by task, and win rates."""
    path = stage.folder / "evaluation.json"
    if stage.state != "made" or not path.exists():
        return
    found = read_json(path)
    right = [row for row in found["figures"] if row["metric"] == "exact_match" and row["group"] != "all"]
    for task in dict.fromkeys(row["task"] for row in right):
        own = [row for row in right if row["task"] == task]
        note = f"{number(sum(row['n'] for row in own if row['model'] == own[0]['model']))} questions to each model"
        yield f"Tasks: {task}", note, evaluation.tasks_by_stage(own, found["models"])
    wins = found["win_rates"]
    note = f"answers to {number(wins[0]['n'])} prompts against those of {wins[0]['against']}" if wins else ""
    yield "Which answer is preferred", note, evaluation.win_rates(wins)


CHARTS: Mapping[str, Callable[[StageRecord], Drawn]] = {
    "corpus": corpus_charts,
    "reward": pair_charts,
    "ppo": policy_charts,
    "dpo": pair_charts,
    "evaluate": evaluation_charts,
}


def span(rows: Rows, column: str) -> str:
    """Where a column began and where it ended: `from 5.253 at step 10 to 1.472 at step 360`."""
    known = [row for row in rows if is_number(row.get(column)) and "step" in row]
    if len(known) < 2:
        return ""
    first, last = known[0], known[-1]
    return (
        f"from {number(first[column])} at step {number(first['step'])} "
        f"to {number(last[column])} at step {number(last['step'])}"
    )


def _last(rows: Rows, columns: Sequence[tuple[str, str]]) -> str:
    """The last value of each column: `at the end: clipped tokens 0 %`."""
    if not rows:
        return ""
    known = [(label, rows[-1][name]) for name, label in columns if is_number(rows[-1].get(name))]
    return "at the end: " + ", ".join(f"{label} {percent(value)}" for label, value in known) if known else ""


def _evaluated(stage: StageRecord) -> str:
    """On how much of what was held out the line of the held-out loss is."""
    read, all_of_it = (stage.metrics.get(f"{name}_windows", 0) for name in ("evaluated", "validation"))
    return f"; the held-out line is of {number(read)} of {number(all_of_it)} windows" if 0 < read < all_of_it else ""


def _share_of_peak(rows: Rows) -> str:
    """`41.3 % of the most that the machine computes`, on average over the lines."""
    shares = [row["mfu"] for row in rows if is_number(row.get("mfu"))]
    return f"{percent(sum(shares) / len(shares))} of the most that the machine computes" if shares else ""


def _course(
    rows: Rows, columns: Sequence[tuple[str, str]], unit: str, levels: Sequence[Level] = ()
) -> Figure | None:  # fmt: skip
    axis = courses.course_axis(rows)
    return courses.course([line_of(rows, name, label) for name, label in columns], levels, unit, axis)


def _evenly(columns: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    """Columns in as few parts of like size as have colours enough."""
    size = math.ceil(len(columns) / max(1, math.ceil(len(columns) / len(SERIES))))
    return [columns[start : start + size] for start in range(0, len(columns), size)] if columns else []


def _has(rows: Rows, column: str) -> bool:
    return any(is_number(row.get(column)) for row in rows)


def _qualities(rows: Rows) -> list[str]:
    """Columns that say for what share of the answers something is true."""
    known = [name for name in (rows[-1] if rows else {}) if name.startswith("true_") and name != "true_score"]
    return [*known, *(["ended"] if _has(rows, "ended") else [])]
