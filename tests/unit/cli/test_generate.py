"""`gristmill generate` writes what `builtin:` is, in any amount, and other worlds where seeds say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.errors import DataError, RunError
from pipeline.core.progress import Progress
from pipeline.data import generating
from pipeline.data.builtin import CATALOGUE
from pipeline.data.generating import COLUMNS, Wish, generate
from pipeline.data.valley import world
from pipeline.data.valley.rows import documents
from tests.contracts.test_command import gristmill

QUIET = Progress("test", quiet=True)


def lines(folder: Path, split: str = "train") -> list[dict]:
    return [
        json.loads(line) for path in sorted(folder.glob(f"{split}-*.jsonl")) for line in open(path, encoding="utf-8")
    ]


@pytest.mark.parametrize(
    "name", [name for (family, name) in CATALOGUE if family == "data" and name.startswith("valley")]
)
def test_the_rows_are_those_of_the_builtin(name, tmp_path):
    split = CATALOGUE["data", name].splits[-1]
    generate(Wish(name, split, 40), tmp_path / "out", QUIET)
    assert lines(tmp_path / "out", split) == [
        row for row, _ in zip(CATALOGUE["data", name].open(split), range(40), strict=False)
    ]


def test_more_rows_than_the_recipe_has_begin_with_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(generating, "SHARD_BYTES", 20_000)
    (written,) = generate(Wish("valley-chat", "test", 350), tmp_path / "out", QUIET)
    rows = lines(tmp_path / "out", "test")
    assert (written.rows, written.shards) == (350, len(list((tmp_path / "out").glob("test-*.jsonl"))))
    assert written.shards > 2 and rows[:300] == list(CATALOGUE["data", "valley-chat"].open("test"))


def test_load_dataset_opens_it_with_its_labels(tmp_path):
    from datasets import load_dataset

    generate(Wish("valley-faults", documents=120), tmp_path / "out", QUIET)
    opened = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in opened.items()} == {"train": 120, "benchmark": 300}
    labels = {label for row in opened["train"]["faults"] for label in row.split()}
    assert labels <= set(COLUMNS["faults"].replace(";", ",").replace(":", ",").replace(",", " ").split())
    assert opened["train"][0]["clean"] == lines(tmp_path / "out")[0]["clean"]


def test_seeds_make_other_rows_and_other_worlds(tmp_path):
    """In processes of their own, as the command runs: a world is drawn once."""
    made = {}
    for name, options in {"usual": [], "rows": ["--seed", "3"], "world": ["--world-seed", "3"]}.items():
        answer = gristmill("generate", "valley", "--documents", "0.05k", "--to", str(tmp_path / name), *options)
        assert answer.returncode == 0, answer.stderr
        made[name] = [row["text"] for row in lines(tmp_path / name)]
    assert made["usual"] == [row["text"] for row in documents(count=50)]
    homes = {
        name: {word for text in texts for word in text.split() if " lives in " in text} for name, texts in made.items()
    }
    assert all(homes.values()) and not set(made["usual"]) & (set(made["rows"]) | set(made["world"]))
    assert "--world-seed 3" in (tmp_path / "world/README.md").read_text()
    assert (world.WORLD_SEED, world._chosen) == (0, {"world": 0, "draws": 0})


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish("vally"), "no data of this name; there are valley, valley-web"),
        (Wish("valley", "test"), "no split 'test'; it has train"),
        (Wish("valley-web", documents=700), "there are 600 rows, and no more can be made"),
        (Wish("pydocs", seed=1), "leave the seeds out"),
    ],
)
def test_what_cannot_be_made_is_told(wish, message, tmp_path):
    with pytest.raises(DataError, match=message):
        generate(wish, tmp_path / "out", QUIET)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="something is there already"):
        generate(Wish("valley", documents=3), tmp_path, QUIET)
    answer = CliRunner().invoke(app, ["generate", "valley", "--documents", "few", "--to", str(tmp_path / "out")])
    assert answer.exit_code == 2 and "'few' is not a count" in answer.output
