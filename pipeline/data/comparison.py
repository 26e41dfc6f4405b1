"""What training changed: rows of the same prompt answered before and after it. Pure, but for the file.

Who answers, and what is measured of an answer, is the stages' work; what the figures mean is `comparison_checks`'.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SAMPLES = "samples.jsonl"

Side = dict[str, Any]
"""One answer: text, tokens, ended, score and what is true of it."""


def comparison_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Before, after and gain of every figure, and the standard error of the gain over the pairs of answers."""
    figures: dict[str, float] = {}
    for name in rows[0]["before"]:
        if name == "text":
            continue
        before = [float(row["before"][name]) for row in rows]
        gains = [float(row["after"][name]) - first for row, first in zip(rows, before, strict=True)]
        gain = sum(gains) / len(gains)
        variance = sum((value - gain) ** 2 for value in gains) / max(len(gains) - 1, 1)
        figures[f"{name}_before"] = sum(before) / len(before)
        figures[f"{name}_after"] = figures[f"{name}_before"] + gain
        figures[f"{name}_gain"] = gain
        figures[f"{name}_gain_error"] = math.sqrt(variance / len(gains))
    return figures


def write_samples(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One JSON object per prompt."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
