"""A corpus has the same bytes from one worker and from two, from Ray, and after any number of kills."""

from __future__ import annotations

import hashlib
import json
import random
import time
from pathlib import Path

import pytest

from tests import chain

RAY = chain.ROOT / ".ray"
TASKS = 6
RECIPE = """recipe: 1
name: corpus
runtime: {{engine: {engine}}}
stages:
  corpus:
    sources: [{{data: ./text}}, {{data: "builtin:valley-web", documents: 300}}]
    tasks: {tasks}
"""


def recipe(folder: Path, engine: str) -> Path:
    """A recipe over six files, one of them with copies of what stands in the others."""
    (folder / "text").mkdir(parents=True)
    draws = random.Random(5)
    texts = [
        " ".join(f"{draws.choice('bdfgklmn')}{draws.choice('aeiou')}{draws.randint(0, 99)}" for _ in range(80))
        for _ in range(900)
    ]
    texts[800:] = [f"{text} and more" for text in texts[:100]]
    for number in range(TASKS):
        rows = [json.dumps({"text": text}) for text in texts[number::TASKS]]
        (folder / f"text/{number}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    path = folder / "corpus.yaml"
    path.write_text(RECIPE.format(engine=engine, tasks=TASKS), encoding="utf-8")
    return path


def digest(corpus: Path) -> str:
    """Of shards, dropped documents and funnel, names and bytes."""
    files = [*corpus.glob("*.jsonl"), *corpus.glob("dropped/*"), corpus / "funnel.json"]
    content = ((path.relative_to(corpus).as_posix().encode(), path.read_bytes()) for path in sorted(files))
    return hashlib.sha256(b"".join(part for both in content for part in both)).hexdigest()


def made(folder: Path, engine: str) -> str:
    chain.run(recipe(folder, engine), folder)
    return digest(folder / "corpus/corpus")


@pytest.fixture(scope="module")
def by_one(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("one"), "{workers: 1}")


def test_two_workers_make_the_same_bytes_as_one(by_one: str, tmp_path: Path):
    assert made(tmp_path, "{workers: 2}") == by_one


@pytest.mark.slow
def test_killed_twenty_times_it_makes_the_same_bytes(by_one: str, tmp_path: Path):
    path, moments = recipe(tmp_path, "{workers: 2}"), random.Random(3)
    done: dict[str, int] = {}
    for _ in range(20):
        moment = time.monotonic() + moments.uniform(0.5, 4)
        chain.kill_when(chain.start(path, tmp_path), lambda: time.monotonic() > moment)  # noqa: B023
        marks = {str(mark): mark.stat().st_mtime_ns for mark in tmp_path.glob("corpus/corpus/.work/*/*/completions/*")}
        assert all(marks.get(mark, when) == when for mark, when in done.items()), "a finished task was done again"
        done |= marks
    chain.run(path, tmp_path)
    assert done
    assert digest(tmp_path / "corpus/corpus") == by_one


@pytest.mark.slow
@pytest.mark.skipif(not (RAY / "ready").exists(), reason="Ray is not installed: make .ray/ready")
def test_ray_makes_the_same_bytes(by_one: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(chain.ENVIRONMENT, "PYTHONPATH", f"{chain.ROOT}:{RAY}")
    assert made(tmp_path, "{kind: ray, workers: 2}") == by_one
