"""The steps that are there for the asking: recall and precision on planted faults, and speed on real text beside the
bare library."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from datatrove.pipeline.formatters.pii import PIIFormatter

from benchmarks.data.whole import texts
from pipeline.core.references import Resolved
from pipeline.data.valley.faults import BLOCKLIST, rows
from pipeline.data.valley.private import KINDS
from pipeline.stages.corpus.blocklist import Blocklist
from pipeline.stages.corpus.decontaminate import index_benchmarks, load_index, overlap
from pipeline.stages.corpus.language import _detector, language_of
from pipeline.stages.corpus.pii import without_pii
from pipeline.stages.corpus.repair import repaired

ROWS, REAL = 3_000, 240
_MIN_CONFIDENCE = 0.3

Answer = TypeVar("Answer")


def planted(data: Path) -> None:
    """Print what each step finds of the faults of `builtin:valley-faults`, and how fast it is."""
    faulty = list(rows("train", ROWS))
    real = [text for place, text in enumerate(texts(data)) if place % 6 == 0][:REAL]
    _speed("language", language_of, lambda text: _detector().detect(text, model="lite"), real)
    long = [row for row in faulty if not {"short", "repeated"} & _labels(row)]
    said = [language_of(row["clean"]) for row in long]
    found = [code != "en" and confidence >= _MIN_CONFIDENCE for code, confidence in said]
    _figures("language", found, [row["language"] != "en" for row in long])
    formatter = PIIFormatter(email_replacement="<EMAIL>", ip_replacement="<IP>")
    _speed("pii, four kinds (bare: two)", lambda text: without_pii(text, KINDS), formatter.format, real)
    for kind in KINDS:
        found = [without_pii(row["clean"], [kind]) != row["clean"] for row in faulty]
        _figures(f"pii: {kind}", found, [kind in _labels(row) for row in faulty])
    blocked = Blocklist(BLOCKLIST)
    _figures("blocklist", [bool(blocked.find(row["clean"])) for row in faulty], _having("blocked", faulty))
    plain = [row for row in faulty if "text" in row]
    for fault in ("mojibake", "invisible"):
        having = [row for row in plain if fault in _labels(row)]
        exact = sum(repaired(row["text"]) == row["clean"] for row in having)
        print(f"  repair: {fault:<12} {exact} of {len(having)} mended to the letter")
    sound = [row for row in plain if not {"mojibake", "invisible"} & _labels(row)]
    print(
        f"  repair: sound text   {sum(repaired(row['text']) != row['clean'] for row in sound)} of {len(sound)} changed"
    )
    with TemporaryDirectory() as folder:
        benchmark = Resolved("builtin:valley-faults", "builtin", "", name="valley-faults", split="benchmark")
        index_benchmarks([benchmark], 13, Path(folder, "index.npz"))
        index = load_index(str(Path(folder, "index.npz")))
        _figures("decontaminate", [bool(overlap(row["clean"], index)) for row in faulty], _having("leak", faulty))


def _labels(row: dict[str, Any]) -> set[str]:
    return set(row["faults"].split())


def _having(fault: str, faulty: Sequence[dict[str, Any]]) -> list[bool]:
    return [fault in _labels(row) for row in faulty]


def _figures(name: str, found: Sequence[bool], there: Sequence[bool]) -> None:
    right = sum(one and other for one, other in zip(found, there, strict=True))
    recall, precision = right / sum(there), right / max(sum(found), 1)
    print(f"  {name:<20} recall {recall:.4f}, precision {precision:.4f}, {sum(there)} planted")


def _speed(name: str, ours: Callable[[str], Answer], bare: Callable[[str], Any], real: Sequence[str]) -> None:
    size = sum(len(text.encode()) for text in real) / 1e6
    speeds = []
    for function in (ours, bare):
        function(real[0])
        start = time.process_time()
        for text in real:
            function(text)
        speeds.append(size / (time.process_time() - start))
    print(f"{name}: {speeds[0]:.1f} MB/CPU-s, the bare library {speeds[1]:.1f}")
