"""A run's folder, written by hand: what stages leave behind, without running any."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pipeline.core.artifact import write_json

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'ticks' {{ 7 * 7 }} `code`"
LOSSES = [5.0 / (1 + step / 7) + 0.5 + (step * 37 % 11) / 40 for step in range(1, 91)]
MODELS = ("pretrain", "sft", "ppo")


def check(name: str, figure: float, verdict: str = "pass", advice: str = "train longer") -> dict[str, Any]:
    return {"name": name, "figure": figure, "expected": "at least -0.5", "verdict": verdict, "advice": advice}


def training_rows() -> list[dict[str, Any]]:
    return [
        {"step": step, "tokens": 1000 * step, "loss": loss, "grad_norm": 1.0, "learning_rate": 1e-3 * (1 - step / 100)}
        for step, loss in enumerate(LOSSES, start=1)
    ]


def policy_rows() -> list[dict[str, Any]]:
    return [
        {
            "step": step, "tokens": 500 * step, "score": math.log(step), "score_error": 0.1, "kl": 0.2 * step,
            "kl_error": 0.05, "entropy": 2 - 0.03 * step, "response_length": 20.0, "ended": 1.0, "true_grammatical": 0.9,
            "clip_fraction": 0.1 / step, "explained_variance": 0.5, "learning_rate": 1e-5, "critic_learning_rate": 3e-5,
        }
        for step in range(1, 31)
    ]  # fmt: skip


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def make_stage(
    run: Path,
    stage_id: str,
    kind: str | None = None,
    metrics: dict[str, Any] | None = None,
    rows: list[dict[str, Any]] | None = None,
    checks: list[dict[str, Any]] | None = None,
    **manifest: Any,
) -> Path:
    folder = run / stage_id
    folder.mkdir(parents=True)
    if rows is not None:
        write_rows(folder / "metrics.jsonl", rows)
    own = {
        "format": 1, "id": stage_id, "kind": kind or stage_id, "fingerprint": f"{stage_id:0>12}".ljust(64, "f"),
        "settings": {"data": {"path": "builtin:valley"}, "train": {"steps": 90}}, "inputs": {}, "seed": 1,
        "runtime": {"precision": "fp32"}, "world_size": 1, "started": 1795477503.0, "seconds": 12.5, "resumed": False,
        "exact": True, "inexact_because": [], "metrics": metrics or {}, "headline": f"{stage_id} is done",
        "environment": {"versions": {"python": "3.11.7", "torch": "2.13.0"}, "machine": "x86_64", "commit": None},
    }  # fmt: skip
    write_json(folder / "manifest.json", own | manifest)
    write_json(folder / "checks.json", [check("loss fell", 1.5)] if checks is None else checks)
    return folder


def begin_stage(run: Path, stage_id: str, rows: list[dict[str, Any]] | None = None) -> Path:
    work = run / stage_id / ".work"
    work.mkdir(parents=True)
    write_json(work / "identity.json", {"fingerprint": "f" * 64})
    if rows is not None:
        write_rows(run / stage_id / "metrics.jsonl", rows)
    return run / stage_id


def record_run(run: Path, order: list[str], kinds: dict[str, str] | None = None) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    stages = {stage_id: {"kind": kind} if (kind := (kinds or {}).get(stage_id)) else {} for stage_id in order}
    settings = {"recipe": 1, "name": run.name, "seed": 1, "stages": stages}
    write_json(run / "run.json", {"recipe": "mine.yaml", "name": run.name, "order": order, "settings": settings})
    return run


def whole_run(run: Path, text: str = "One tavin is mery.") -> Path:
    """Every shipped kind, finished, with hostile text wherever text comes from outside."""
    order = ["corpus", "tokenizer", "pretrain", "sft", "preferences", "reward", "ppo", "evaluate", "publish"]
    write_corpus(run, text)
    make_stage(run, "tokenizer", metrics={"vocab_size": 512, "bytes_per_token": 4.27, "round_trip": 1.0})
    losses = {
        "validation_loss": 0.9, "bits_per_byte": 0.4, "nats_per_char": 0.3, "bigram_bits_per_byte": 0.6,
        "excess_nats_per_char": 0.004, "excess_standard_error": 0.0002, "parameters": 461_696,
        "validation_windows": 400, "evaluated_windows": 400,
    }  # fmt: skip
    watched = [
        row
        | {"tokens_per_second": 1000.0, "mfu": 0.25}
        | ({"validation_loss": row["loss"]} if not row["step"] % 9 else {})
        for row in training_rows()
    ]
    pretrain = make_stage(run, "pretrain", metrics=losses, rows=watched)
    excerpts = [{"step": step, "prompt": "About the", "completion": text, "ended": True} for step in (45, 90)]
    write_rows(pretrain / "samples.jsonl", excerpts)
    sft = make_stage(
        run, "sft", metrics={"steps": 90, "validation_loss": 1.39, "ended_share": 1.0, "format_share": 0.89},
        rows=training_rows(), checks=[check("loss fell", 1.5), check("format", 0.89, "warn", "raise `train.steps`")],
    )  # fmt: skip
    write_rows(sft / "samples.jsonl", [{"prompt": ask("a"), "answer": text, "ended": True}])
    make_stage(run, "preferences", metrics={"pairs": 4800, "expected_ceiling": 0.887, "tied_share": 0.006})
    bins = [
        {"predicted": p, "agreed": p, "standard_error": 0.03, "n": 60, "difference": 1.0} for p in (0.55, 0.75, 0.95)
    ]
    reward = {
        "accuracy": 0.843, "accuracy_standard_error": 0.0148, "held_out_pairs": 180, "ceiling": 0.89,
        "calibration": bins, "calibration_error": 0.03,
    }  # fmt: skip
    make_stage(
        run, "reward", metrics=reward,
        rows=[row | {"accuracy": 1 - row["loss"] / 10} for row in training_rows()],
    )  # fmt: skip
    gains = {"score_gain": 1.93, "score_gain_error": 0.127, "kl": 6.0, "kl_error": 0.4, "entropy": 1.1, "ended": 1.0}
    make_stage(run, "ppo", metrics=gains, rows=policy_rows())
    write_evaluation(run, text)
    make_stage(run, "publish", metrics={"num_parameters": 461_696})
    return record_run(run, order)


def write_corpus(run: Path, text: str) -> None:
    corpus = make_stage(run, "corpus", metrics={"documents_read": 1000, "documents": 900, "share_kept": 0.9})
    steps = [
        {
            "step": name, "in": sum(before), "out": sum(after), "dropped": dropped, "changed": {}, "repeated": {},
            "in_by_source": {text[:40]: before[0], "web": before[1]},
            "out_by_source": {text[:40]: after[0], "web": after[1]},
        }
        for name, before, after, dropped in (
            ("repair", (600, 400), (600, 400), {}),
            ("exact_duplicates", (600, 400), (550, 400), {"exact_duplicate": {text[:40]: 50}}),
            ("filters", (550, 400), (550, 350), {"short": {"web": 50}}),
        )
    ]  # fmt: skip
    write_json(corpus / "funnel.json", {"steps": steps})


def write_evaluation(run: Path, text: str) -> None:
    metrics = {
        "groups_learned": {"ppo": {"tasks": "1 of 2"}},
        "win_rate": {"ppo": {"builtin:valley-judge": 0.962}},
    }
    folder = make_stage(run, "evaluate", metrics=metrics)
    figures = [
        {
            "model": model, "task": "tasks", "group": group, "metric": "exact_match", "baseline": 0.25,
            "value": 0.9, "standard_error": 0.03, "n": 100,
        }
        for model in MODELS
        for group in ("copy", "add two numbers")
    ]  # fmt: skip
    wins = [
        {
            "model": "ppo",
            "against": "sft",
            "judge": judge,
            "win_rate": 0.962,
            "standard_error": 0.012,
            "ties": 1,
            "n": 250,
        }
        for judge in ("builtin:valley-judge", "reward")
    ]
    write_json(folder / "evaluation.json", {"models": list(MODELS), "figures": figures, "win_rates": wins})
    samples = [
        {
            "index": index, "prompt": ask(f"{text} {index}"), "model": model, "completion": text,
            "ended": model != "pretrain", "length": 9, "scores": {"builtin:valley-judge": -1.2}, "qualities": {},
        }
        for index in range(3)
        for model in MODELS
    ]  # fmt: skip
    write_rows(folder / "samples.jsonl", samples)


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]
