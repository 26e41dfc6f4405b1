"""The few figures of each stage that are shown first, and of the run: by kind, from the manifest's metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.core.quantities import format_count
from pipeline.report.numbers import number, percent, with_error
from pipeline.report.reading import StageRecord
from pipeline.report.views import Tile

Metrics = Mapping[str, Any]

_AT_MOST = 9
"""Facts of a kind that is not in the table."""

_TUNING = (
    ("steps", "steps"),
    ("trained_tokens", "tokens trained on"),
    ("loss_tokens", "of them bear loss"),
    ("rows", "rows"),
)

FACTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "corpus": (
        ("documents_read", "documents read"),
        ("documents", "documents kept"),
        ("share_kept", "share kept"),
        ("train_documents", "to train on"),
        ("train_bytes", "bytes to train on"),
        ("validation_documents", "held out"),
    ),
    "tokenizer": (
        ("vocab_size", "tokens"),
        ("bytes_per_token", "bytes per token"),
        ("round_trip", "texts that come back exactly"),
        ("unused_tokens", "learned tokens never used"),
        ("training_bytes", "bytes learned from"),
        ("held_out_texts", "texts measured on"),
    ),
    "pretrain": (
        ("parameters", "parameters"),
        ("trained_tokens", "tokens trained on"),
        ("bits_per_byte", "bits per byte"),
        ("bigram_bits_per_byte", "a bigram model's"),
        ("unigram_bits_per_byte", "a unigram model's"),
        ("gzip_bits_per_byte", "gzip's"),
        ("validation_loss", "held-out loss, nats per token"),
        ("excess_nats_per_char", "nats per character above the floor"),
    ),
    "sft": _TUNING,
    "instruct": _TUNING,
    "preferences": (
        ("pairs", "pairs to train on"),
        ("held_out_pairs", "held-out pairs"),
        ("expected_ceiling", "best possible accuracy"),
        ("tied_share", "dropped as ties"),
        ("longer_preferred_share", "the longer answer preferred"),
        ("mean_length", "tokens per answer"),
    ),
    "reward": (
        ("accuracy", "held-out accuracy"),
        ("ceiling", "the judge's own accuracy"),
        ("calibration_error", "calibration error"),
        ("truth_correlation", "correlation with the judge"),
        ("length_correlation", "correlation with length"),
        ("margin", "mean margin"),
    ),
    "ppo": (
        ("true_score_gain", "true score gained"),
        ("score_gain", "score gained"),
        ("kl", "KL from the reference, nats"),
        ("entropy", "entropy, nats per token"),
        ("response_length", "tokens per answer"),
        ("ended", "answers that end"),
    ),
    "dpo": (
        ("true_score_gain", "true score gained"),
        ("accuracy", "held-out accuracy"),
        ("ceiling", "the judge's own accuracy"),
        ("kl", "KL from the reference, nats"),
        ("tokens_after", "tokens per answer"),
        ("ended_after", "answers that end"),
    ),
    "evaluate": (),
    "publish": (("num_parameters", "parameters"), ("figures", "figures on the card")),
}
"""Metric and label. A metric's standard error is found under its name and `_error` or `_standard_error`."""

_ERRORS = {"excess_nats_per_char": "excess_standard_error"}
_SHARES = ("share_kept", "round_trip", "tied_share", "longer_preferred_share", "ended", "ended_after")


def facts(stage: StageRecord) -> list[tuple[str, str]]:
    """The figures of one stage that are shown first; of a kind that is not known here, the first plain ones."""
    metrics = stage.metrics
    known = FACTS.get(stage.kind)
    if known is None:
        return [(path.replace("_", " "), text) for path, text in flat(metrics)][:_AT_MOST]
    found = [(label, _shown(metrics, name)) for name, label in known if name in metrics]
    return found + _answers(metrics) if known is _TUNING else found


def _answers(metrics: Metrics) -> list[tuple[str, str]]:
    """The held-out loss and what is true of the answers, of each data set where there are several."""
    found = []
    for name, value in metrics.items():
        if name.endswith("validation_loss"):
            label = f"{name.removesuffix('validation_loss')}held-out loss"
            found.append((label.replace("_", " "), number(value)))
        elif name.endswith("_share"):
            label = name.removesuffix("_share").replace("ended", "answers that end")
            found.append((label.replace("_", " "), percent(value)))
    return found


def _shown(metrics: Metrics, name: str) -> str:
    if name in _SHARES:
        return percent(metrics[name])
    keys = (_ERRORS.get(name, ""), f"{name}_error", f"{name}_standard_error")
    return with_error(metrics[name], next((metrics[key] for key in keys if key in metrics), None))


def flat(metrics: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every plain value of a tree of metrics, by its path; lists of groups (a chart's rows) are left out."""
    if isinstance(metrics, Mapping):
        for key, value in metrics.items():
            yield from flat(value, f"{path} · {key}" if path else str(key))
    elif isinstance(metrics, list | tuple):
        if not any(isinstance(item, Mapping | list) for item in metrics):
            yield path, ", ".join(number(item) for item in metrics)
    elif metrics is not None:
        yield path, number(metrics)


def tiles(stages: Sequence[StageRecord]) -> list[Tile]:
    """The figures that stand for the run: at most one or two of a kind, of the last stage of that kind."""
    found: list[Tile] = []
    for kind, make in _TILES:
        for stage in reversed(stages):
            if stage.kind == kind and stage.state == "made" and (tile := make(stage)) is not None:
                found.append(tile)
                break
    return found


def _documents(stage: StageRecord) -> Tile | None:
    kept, read = stage.metrics.get("documents"), stage.metrics.get("documents_read")
    if not kept or not read:
        return None
    return Tile("documents kept", format_count(kept), f"{percent(kept / read)} of {number(read)}", stage.id)


def _bytes_per_token(stage: StageRecord) -> Tile | None:
    metrics = stage.metrics
    if "bytes_per_token" not in metrics:
        return None
    return Tile(
        "bytes per token", number(metrics["bytes_per_token"]), f"{number(metrics['vocab_size'])} tokens", stage.id
    )


def _bits_per_byte(stage: StageRecord) -> Tile | None:
    metrics = stage.metrics
    if "bits_per_byte" not in metrics:
        return None
    note = f"a bigram model {number(metrics['bigram_bits_per_byte'])}" if "bigram_bits_per_byte" in metrics else ""
    if "excess_nats_per_char" in metrics:
        note = f"{metrics['excess_nats_per_char']:.2g} nats per character above the floor"
    return Tile("bits per byte", number(metrics["bits_per_byte"]), note, stage.id)


def _accuracy(stage: StageRecord) -> Tile | None:
    metrics = stage.metrics
    if "accuracy" not in metrics:
        return None
    note = f"at best {number(metrics['ceiling'])}; " if "ceiling" in metrics else ""
    value = with_error(metrics["accuracy"], metrics["accuracy_standard_error"])
    return Tile("reward accuracy", value, f"{note}{number(metrics['held_out_pairs'])} unseen pairs", stage.id)


def _gain(stage: StageRecord) -> Tile | None:
    name = "true_score_gain" if "true_score_gain" in stage.metrics else "score_gain"
    if name not in stage.metrics:
        return None
    label = "true score gained" if name.startswith("true") else "score gained"
    return Tile(label, _shown(stage.metrics, name), f"at KL {with_error(stage.metrics['kl'], None)}", stage.id)


def _win_rate(stage: StageRecord) -> Tile | None:
    rates = stage.metrics.get("win_rate")
    if not rates:
        return None
    model, by_judge = list(rates.items())[-1]
    judge, rate = next(iter(by_judge.items()))
    return Tile("answers preferred", percent(rate), f"{model}, by {judge.removeprefix('builtin:')}", stage.id)


def _learned(stage: StageRecord) -> Tile | None:
    learned = stage.metrics.get("groups_learned")
    if not learned:
        return None
    model, by_task = list(learned.items())[-1]
    task, count = next(iter(by_task.items()))
    return Tile("tasks learned", count, f"{model}, {task}", stage.id)


_TILES: Sequence[tuple[str, Callable[[StageRecord], Tile | None]]] = (
    ("corpus", _documents),
    ("tokenizer", _bytes_per_token),
    ("pretrain", _bits_per_byte),
    ("reward", _accuracy),
    ("ppo", _gain),
    ("dpo", _gain),
    ("evaluate", _learned),
    ("evaluate", _win_rate),
)
