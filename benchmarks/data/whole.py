"""The whole corpus stage with its defaults: its speed beside its steps run bare and beside `datasets`; two workers
beside one; its memory on a large input."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
NAMES = ("books", "peps", "rfcs", "speeches")
FILES = 8
COPIES = 12
"""How often the text is taken to see what a second worker is worth: starting the workers takes two seconds."""
_PASSAGE = 1_400
"""Characters of a document of the large input."""


def speed(data: Path, turns: int) -> None:
    """Print MB of text in for each CPU second of one thread, and the ratios, contestants in turns."""
    with tempfile.TemporaryDirectory() as folder:
        text = write_texts(data, Path(folder, "text"), copies=4)
        size = sum(path.stat().st_size for path in text.iterdir()) / 1e6
        rows = [
            {name: contest(name, text, Path(folder, f"{name}{turn}")) for name in ("ours", "bare", "datasets")}
            for turn in range(turns)
        ]
    kept = {name: rows[0][name]["documents"] for name in rows[0]}
    print(f"corpus stage, defaults, {size:.1f} MB of plain text, one thread, {turns} turns; documents kept: {kept}")
    for name in rows[0]:
        seconds = median(row[name]["cpu"] for row in rows)
        ratio = median(row[name]["cpu"] / row["bare"]["cpu"] for row in rows)
        print(f"  {name:<9} {size / seconds:6.1f} MB/CPU-s   {ratio:5.2f} of the CPU seconds of its steps run bare")


def scaling(data: Path, turns: int) -> None:
    """Print how much sooner two workers end than one."""
    with tempfile.TemporaryDirectory() as folder:
        text = write_texts(data, Path(folder, "text"), copies=COPIES)
        ratios = []
        for turn in range(turns):
            one, two = (contest("ours", text, Path(folder, f"{n}-{turn}"), n, FILES)["wall"] for n in (1, 2))
            ratios.append(one / two)
    print(f"two workers end {median(ratios):.2f} times as soon as one, {[round(ratio, 2) for ratio in ratios]}; "
          f"load of the machine {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")  # fmt: skip


def memory(data: Path, gigabytes: float) -> None:
    """Print the peak memory on so much text, and what was allowed: 1 GB and 600 bytes a document."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text")
        documents = write_many(data, text, int(gigabytes * 1e9))
        made = contest("ours", text, Path(folder, "out"))
    allowed = 1e9 + 600 * documents
    print(f"{gigabytes} GB, {documents:,} documents: peak {made['peak'] / 1e9:.2f} GB of {allowed / 1e9:.2f} allowed, "
          f"{gigabytes * 1e3 / made['cpu']:.1f} MB/CPU-s, {made['documents']:,} kept")  # fmt: skip


def contest(name: str, text: Path, out: Path, *options: int) -> dict[str, Any]:
    """What one contestant spent."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
                                "PYTHONPATH": str(ROOT)}  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.data.contestants", name, str(text), str(out), *map(str, options)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2_000:])
    if out.is_dir():
        shutil.rmtree(out)
    return json.loads(done.stdout.splitlines()[-1])


def texts(data: Path) -> Iterator[str]:
    """The documents of the open bundle's plain text."""
    for name in NAMES:
        with gzip.open(data / f"corpus_{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            yield from (json.loads(line)["text"] for line in file)


def write_texts(data: Path, folder: Path, copies: int = 1) -> Path:
    """The documents as a few files of JSON lines; copies have their words in another order, so that none is dropped."""
    found, draws = list(texts(data)), random.Random(1)
    found += [
        " ".join(draws.sample(words, len(words)))
        for text in found[:]
        for _ in range(copies - 1)
        if (words := text.split())
    ]
    draws.shuffle(found)
    folder.mkdir()
    for number in range(FILES):
        rows = (json.dumps({"text": text}) + "\n" for text in found[number::FILES])
        (folder / f"{number}.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder


def write_many(data: Path, folder: Path, size: int) -> int:
    """Passages of the documents, their words in another order, until `size` bytes are written; returns how many."""
    words = [text.split() for text in texts(data)]
    draws, count, written = random.Random(2), 0, 0
    folder.mkdir()
    with open(folder / "large.jsonl", "w", encoding="utf-8") as file:
        while written < size:
            source = draws.choice(words)
            first = draws.randrange(max(1, len(source) - 4 * _PASSAGE))
            passage = " ".join(draws.sample(source[first : first + 4 * _PASSAGE], min(len(source), _PASSAGE // 6)))
            written += file.write(json.dumps({"text": passage}, ensure_ascii=False) + "\n")
            count += 1
    return count
