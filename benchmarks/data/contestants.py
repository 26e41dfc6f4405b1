"""The same work three ways, each in a process of its own: `python -m benchmarks.data.contestants NAME TEXT OUT`.

The work: read JSON lines, mend their Unicode, filter, drop exact and near duplicates, write what stays as JSON lines.
`ours` is the corpus stage with its defaults. `bare` calls its steps' functions in one loop over lists in memory,
without files between, reports or examples of what was dropped. `datasets` does it by `load_dataset`, `map`, `filter`
and `to_json`. Prints one line of JSON: CPU seconds, wall seconds, peak resident bytes, documents kept.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np

import pipeline.data.engine.local  # noqa: F401 -- loading libraries is nobody's
from pipeline.core.progress import Progress
from pipeline.core.references import Resolved
from pipeline.core.stage import Engine, Inputs, Runtime, SingleProcess, StageContext
from pipeline.stages.corpus.config import Config, Filters
from pipeline.stages.corpus.exact_duplicates import first_of_each, text_key
from pipeline.stages.corpus.filters import broken_rule
from pipeline.stages.corpus.near_duplicates import band_keys, candidate_pairs, choose_dropped
from pipeline.stages.corpus.repair import repaired
from pipeline.stages.corpus.shingles import jaccard, shingle_hashes
from pipeline.stages.corpus.stage import run as run_corpus

FILTERS = Filters()
THRESHOLD = 0.7
_AT_ONCE = 2**20


def ours(text: Path, out: Path, workers: int = 1, tasks: int | None = None) -> int:
    """The corpus stage on a folder of .jsonl files."""
    config = Config(sources=[{"data": f"{text}/"}], tasks=tasks)  # pyright: ignore[reportArgumentType]
    source = Resolved(address="text", scheme="path", fingerprint="", path=text)
    context = StageContext(
        "corpus", 0, out, Runtime(engine=Engine(workers=workers)), SingleProcess(), Progress("", quiet=True)
    )
    inputs = Inputs(
        sources=[Inputs(data=source)], safety=Inputs(blocklist_from=None), decontaminate=config.decontaminate
    )
    out.mkdir(parents=True)
    return run_corpus(config, inputs, context).metrics["documents"]


def bare(text: Path, out: Path) -> int:
    """The functions of the steps, one after another."""
    texts = [
        json.loads(line)["text"] for path in sorted(text.glob("*.jsonl")) for line in path.read_bytes().splitlines()
    ]
    texts = [mended for mended in map(repaired, texts) if broken_rule(mended, FILTERS) is None]
    keys = np.frombuffer(b"".join(map(text_key, texts)), dtype=np.uint64).reshape(-1, 2)
    first = first_of_each(keys)
    texts = [one for place, one in enumerate(texts) if first[place] == place]
    dropped = near_copies(texts)
    with open(out, "w", encoding="utf-8") as file:
        for place, one in enumerate(texts):
            if place not in dropped:
                file.write(json.dumps({"text": one}, ensure_ascii=False) + "\n")
    return len(texts) - len(dropped)


def near_copies(texts: list[str]) -> set[int]:
    """The places of the texts that resemble an earlier one."""
    bands, batch, size = [], [], 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _AT_ONCE:
            bands.append(band_keys(shingle_hashes(batch)))
            batch, size = [], 0
    bands += [band_keys(shingle_hashes(batch))] if batch else []
    pairs = candidate_pairs(np.concatenate(bands)).tolist()
    sets = {place: np.unique(shingle_hashes([texts[place]])[0]) for pair in pairs for place in pair}
    alike = ((lower, higher, jaccard(sets[lower], sets[higher])) for lower, higher in pairs)
    return set(choose_dropped(pair for pair in alike if pair[2] >= THRESHOLD))


def by_datasets(text: Path, out: Path) -> int:
    """The same functions under `datasets`, whose cache starts empty."""
    files = [str(path) for path in sorted(text.glob("*.jsonl"))]
    rows: Any = datasets.load_dataset("json", data_files=files, split="train", cache_dir=str(out / "cache"))
    rows = rows.map(lambda row: {"text": repaired(row["text"])})
    rows = rows.filter(lambda row: broken_rule(row["text"], FILTERS) is None)
    rows = rows.map(lambda row: {"key": text_key(row["text"])})
    first = first_of_each(np.frombuffer(b"".join(rows["key"]), dtype=np.uint64).reshape(-1, 2))
    rows = rows.select(np.flatnonzero(first == np.arange(len(first)))).remove_columns("key")
    dropped = near_copies(rows["text"][:])
    rows = rows.select([place for place in range(len(rows)) if place not in dropped])
    rows.to_json(str(out / "train.jsonl"))
    return len(rows)


CONTESTANTS: dict[str, Callable[[Path, Path], int]] = {"ours": ours, "bare": bare, "datasets": by_datasets}


def main() -> None:
    """Do the work of the contestant that the arguments name."""
    name, text, out, *options = sys.argv[1:]
    more = {"workers": int(options[0]), "tasks": int(options[1])} if options else {}
    datasets.disable_progress_bars()
    start, wall = _cpu(), time.perf_counter()
    documents = CONTESTANTS[name](Path(text), Path(out), **more)
    spent = {"cpu": _cpu() - start, "wall": time.perf_counter() - wall, "peak": _peak(), "documents": documents}
    print(json.dumps(spent))


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
