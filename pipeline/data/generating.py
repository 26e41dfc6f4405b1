"""Write any amount of what ships as data (`builtin:…`) to a folder, as JSON lines that `load_dataset` opens."""

from __future__ import annotations

import inspect
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from pipeline.core.errors import DataError, RunError
from pipeline.core.progress import Progress
from pipeline.data.builtin import CATALOGUE, Builtin

SHARD_BYTES = 500_000_000
_EVERY = 1_000
_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string"}

COLUMNS = {
    "text": "the document, as it would be read from a file",
    "html": "the document as a web page; its article is the document",
    "surprisal": "-log probability of the document in nats, its end included; null where a fault changed it",
    "text_digest": "sha256 of the text that the surprisal is about",
    "planted": "the fault: nothing, exact, near, mojibake",
    "faults": "labels, with spaces between: page, mojibake, invisible; email, ip, phone, iban, blocked, leak; foreign, "
    "short, repeated; exact, near",
    "copy_of": "the row whose article this one copies, exactly or nearly, with all its labels",
    "leak_of": "the row of the split `benchmark` of which a piece stands in the document",
    "language": "the language by ISO 639-1; the world's own passes for English",
    "clean": "the text once it is extracted and repaired, with personal data in it",
    "private": "the personal data in it as written, one a line",
    "question": "an item of the benchmark",
    "messages": "a conversation: role and content",
    "prompt": "a conversation that awaits an answer",
    "task": "which of the eight tasks",
    "answer": "the right answer",
}
"""What the columns say, for the README."""


@dataclass
class Written:
    """What was written of one split."""

    split: str
    rows: int = 0
    bytes: int = 0
    shards: int = 0
    types: dict[str, set[type]] = field(default_factory=dict)
    """The types of each column's values."""


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    name: str
    """Of the catalogue's data, without `builtin:`."""
    split: str | None = None
    """The one split to write; all when left out."""
    documents: int | None = None
    """Rows of that split, or of the first; as many as `builtin:` has when left out."""
    seed: int = 0
    """Other rows of the same world."""
    world_seed: int = 0
    """Another world."""


def generate(wish: Wish, folder: Path, progress: Progress) -> list[Written]:
    """Write the rows to `folder`, which is there once all of it is. Seeds hold for the rest of this process.

    Raises:
        DataError: for a name or split that there is none of, and for more rows than there are.
        RunError: if something is in the folder already.
    """
    builtin = _found(wish)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder}: something is there already; `--to` names another folder")
    if wish.seed or wish.world_seed:
        from pipeline.data.valley.world import choose

        choose(wish.world_seed, wish.seed)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    wanted = [wish.split] if wish.split else list(builtin.splits)
    written = [
        _write(builtin, split, wish.documents if split == wanted[0] else None, part, progress) for split in wanted
    ]
    (part / "README.md").write_text("\n".join(_readme(builtin, wish, written)) + "\n", encoding="utf-8")
    if folder.exists():
        folder.rmdir()
    os.replace(part, folder)
    return written


def _found(wish: Wish) -> Builtin:
    names = [name for family, name in CATALOGUE if family == "data"]
    if wish.name not in names:
        raise DataError(f"builtin:{wish.name}: no data of this name; there are {', '.join(names)}")
    builtin = CATALOGUE["data", wish.name]
    if wish.split and wish.split not in builtin.splits:
        raise DataError(f"builtin:{wish.name}: no split {wish.split!r}; it has {', '.join(builtin.splits)}")
    if (wish.seed or wish.world_seed) and not wish.name.startswith("valley"):
        raise DataError(f"builtin:{wish.name}: is read from Python's own texts, not drawn; leave the seeds out")
    return builtin


def _rows(builtin: Builtin, split: str, documents: int | None) -> Iterator[dict[str, Any]]:
    """The rows, as many as wanted where the generator can make any number."""
    takes_count = "count" in inspect.signature(builtin.function()).parameters
    rows = builtin.open(split, documents) if documents and takes_count else builtin.open(split)
    return islice(rows, documents)


def _write(builtin: Builtin, split: str, documents: int | None, folder: Path, progress: Progress) -> Written:
    written, file = Written(split), None
    for row in _rows(builtin, split, documents):
        if file is None or file.tell() >= SHARD_BYTES:
            file = _next_shard(file, written, folder)
        line = json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n"
        file.write(line)
        written.rows, written.bytes = written.rows + 1, written.bytes + len(line)
        for name, value in row.items():
            written.types.setdefault(name, set()).add(type(value))
        if written.rows % _EVERY == 0:
            progress.update(written.rows, documents or builtin.rows.get(split), unit=f"row of {split}")
    progress.close()
    if file is not None:
        file.close()
    if documents and written.rows < documents:
        raise DataError(f"builtin:{builtin.name}[{split}]: there are {written.rows:,} rows, and no more can be made; "
                        f"ask for at most so many")  # fmt: skip
    return written


def _next_shard(file: IO[bytes] | None, written: Written, folder: Path) -> IO[bytes]:
    if file is not None:
        file.close()
    written.shards += 1
    return open(folder / f"{written.split}-{written.shards - 1:05}.jsonl", "wb")


def _readme(builtin: Builtin, wish: Wish, written: list[Written]) -> Iterator[str]:
    yield from ("---", "configs:", "- config_name: default", "  data_files:")
    for split in written:
        yield from (f"  - split: {split.split}", f"    path: {split.split}-*.jsonl")
    columns: dict[str, set[type]] = {}
    for split in written:
        for name, types in split.types.items():
            columns.setdefault(name, set()).update(types - {type(None)})
    # Not all rows have all columns, and load_dataset guesses from the first ones; only plain types can be said.
    if all(len(types) == 1 and types <= _TYPES.keys() for types in columns.values()):
        yield from ("dataset_info:", "  features:")
        for name, types in columns.items():
            yield from (f"  - name: {name}", f"    dtype: {_TYPES[next(iter(types))]}")
    yield from ("---", "", f"# builtin:{builtin.name}", "", f"{builtin.summary[0].upper()}{builtin.summary[1:]}.", "")
    yield f"Made by gristmill (version {builtin.version} of this generator), with `{_command(wish)}`."
    yield from ("", "| split | rows | bytes |", "|---|---:|---:|")
    yield from (f"| {split.split} | {split.rows:,} | {split.bytes:,} |" for split in written)
    if told := [name for name in columns if name in COLUMNS]:
        yield from ("", "| column | what it says |", "|---|---|")
        yield from (f"| `{name}` | {COLUMNS[name]} |" for name in told)


def _command(wish: Wish) -> str:
    options = {"documents": wish.documents, "split": wish.split, "seed": wish.seed, "world-seed": wish.world_seed}
    said = " ".join(f"--{name} {value}" for name, value in options.items() if value)
    return f"gristmill generate {wish.name} {said}".strip()
