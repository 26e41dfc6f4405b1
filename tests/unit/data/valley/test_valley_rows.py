import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.data.builtin import CATALOGUE

SAMPLES = Path(__file__).parents[4] / "data"
DATA_SETS = [
    pytest.param(entry, split, id=f"{name}-{split}")
    for (family, name), entry in CATALOGUE.items()
    if family == "data" and name.startswith("valley")
    for split in entry.splits
]


@pytest.mark.parametrize(("entry", "split"), DATA_SETS)
def test_rows_are_the_same_each_time_and_have_their_own_ids(entry, split):
    first, again = (list(itertools.islice(entry.open(split), 300)) for _ in range(2))
    assert first == again
    assert len({row["id"] for row in first}) == len(first) >= 250


@pytest.mark.parametrize(("entry", "split"), DATA_SETS)
def test_rows_survive_json(entry, split):
    for row in itertools.islice(entry.open(split), 20):
        assert json.loads(json.dumps(row, ensure_ascii=False)) == row


def test_documents_do_not_repeat():
    texts = [row["text"] for row in itertools.islice(CATALOGUE["data", "valley"].open("train"), 3000)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("valley*.jsonl")), ids=lambda path: path.name)
def test_shipped_samples_are_rows_of_the_streams(path):
    entry = CATALOGUE["data", path.stem]
    early = list(itertools.islice(entry.open(entry.splits[0]), 200))
    samples = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert samples
    assert all(sample in early for sample in samples)


def test_the_world_is_made_without_torch():
    code = "import sys, pipeline.data.valley.rows, pipeline.data.valley.judge; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
