"""Memory stays flat whatever the size of what is read: files of some 300 MB of text, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

ROWS = 100_000
READ = """
import re, sys
from pathlib import Path
from pipeline.core.references import Resolved
from pipeline.data.parts import parts_of
from pipeline.data.reading import read_part
path = Path(sys.argv[1])
def peak():
    # ru_maxrss would count the process that this one was started from.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
source = Resolved("./data", "path", "", path=path)
for document in read_part(parts_of(source, limit=1)[0]):
    pass
before, rows = peak(), 0
for part in parts_of(source):
    for document in read_part(part):
        rows += 1
print(rows, before, peak() - before)
"""


def texts() -> Iterator[str]:
    return (f"{number} " * (3000 // len(f"{number} ")) for number in range(ROWS))


def write(path: Path) -> None:
    if path.suffix == ".parquet":
        schema = pyarrow.schema([("text", pyarrow.string())])
        with pyarrow.parquet.ParquetWriter(path, schema) as writer:  # row groups of 100 MB
            every = list(texts())
            for start in range(0, ROWS, 33_000):
                writer.write_table(pyarrow.table({"text": every[start : start + 33_000]}, schema))
        return
    opened = zstandard.open if path.suffix == ".zst" else open
    with opened(path, "wt") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst", "a.parquet"])
def test_memory_stays_flat(tmp_path: Path, name: str):
    """No more than 100 MB above what the first row takes, for 300 MB of text."""
    write(tmp_path / name)
    out = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / name)], capture_output=True, text=True, check=True
    ).stdout
    rows, before, more = map(int, out.split())
    print(f"{name}: {rows:,} rows, {before} MB after the first, {more} MB more after the last")
    assert rows == ROWS
    assert more < 100
