"""A document that holds a piece of a benchmark is found, whatever its case and signs, and no other."""

from __future__ import annotations

import json
import pickle
import re
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.stages.corpus.config import Config
from pipeline.stages.corpus.decontaminate import (
    decontaminate,
    index_benchmarks,
    load_index,
    overlap,
    texts_in,
)
from pipeline.stages.corpus.shingles import _BASE, run_hashes
from tests.unit.stages.corpus.documents import Made, documents, file_of, report, text_of, words

ITEM = " ".join(words(900, 20))
LETTERS = "abcdefgh"


def write(path: Path, rows: list[dict[str, Any]]) -> Resolved:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file_of(path)


def indexed(folder: Path, *texts: str, ngram: int = 13) -> Any:
    index_benchmarks([write(folder / "one.jsonl", [{"question": text} for text in texts])], ngram, folder / "index.npz")
    load_index.cache_clear()
    return load_index(str(folder / "index.npz"))


def ngrams(text: str, length: int) -> set[tuple[str, ...]]:
    """Written plainly."""
    found = re.findall(r"\w+", text.lower())
    return {tuple(found[start : start + length]) for start in range(len(found) - length + 1)}


@pytest.mark.parametrize("ngram", [1, 2, 13])
def test_whoever_shares_a_run_of_words_is_found_and_no_other(tmp_path, ngram):
    draws = Random(ngram)
    texts = [" ".join(draws.choices(LETTERS, k=draws.randrange(ngram + 8))) for _ in range(80)]
    benchmark, others = texts[:10], texts[10:]
    others += [f"{other} {text[draws.randrange(9) :]}" for other, text in zip(others, benchmark, strict=False)]
    index = indexed(tmp_path, *benchmark, ngram=ngram)
    theirs = set().union(*(ngrams(text, ngram) for text in benchmark))
    found = [overlap(text, index) is not None for text in others]
    assert found == [bool(ngrams(text, ngram) & theirs) for text in others]
    assert {True, False} == set(found) or ngram == 1


def test_case_signs_and_lines_make_no_difference(tmp_path):
    index = indexed(tmp_path, ITEM)
    changed = f"Before. {ITEM.upper().replace(' ', ', ', 7)}!\n"
    assert overlap(changed, index) == ("./one.jsonl", overlap(changed, index)[1])
    assert ngrams(overlap(changed, index)[1], 13) < ngrams(ITEM, 13)
    assert overlap(" ".join(ITEM.split()[:12]), index) is None
    assert overlap(" ".join(ITEM.split()[7:]), index) is not None
    assert overlap(" ".join(ITEM.split()[::-1]), index) is None


def test_every_text_of_a_row_counts_and_short_ones_are_told(tmp_path):
    row = {"id": 7, "question": ITEM, "choices": ["no", text_of(1)], "meta": {"steps": [{"say": text_of(2)}]}}
    assert list(texts_in(row)) == [ITEM, "no", text_of(1), text_of(2)]
    sources = [write(tmp_path / "one.jsonl", [row]), write(tmp_path / "two.jsonl", [{"a": ITEM, "b": text_of(3)}])]
    one, two = index_benchmarks(sources, 13, tmp_path / "index.npz")
    assert (one.rows, one.items, one.too_short, one.runs) == (1, 4, 1, 8 + 48 + 48)
    assert (two.items, two.too_short, two.runs) == (2, 0, 48)  # ITEM is the first one's
    with pytest.raises(DataError, match="none of its 1 texts has 61 words"):
        index_benchmarks([write(tmp_path / "three.jsonl", [{"a": text_of(3)}])], 61, tmp_path / "index.npz")


def test_the_step_says_which_benchmark_and_what(tmp_path):
    indexed(tmp_path, ITEM)
    account = report(tmp_path)
    step = pickle.loads(pickle.dumps(partial(decontaminate, index=str(tmp_path / "index.npz"))))
    kept = list(step(documents(text_of(1), f"{text_of(2)} {ITEM}", "", ITEM), report=account))
    assert [document.id for document in kept] == ["000", "002"]
    assert account.dropped == {"benchmark": {"./a": 2}}
    example = account.as_json()["examples"]["benchmark"][0]
    assert example["of"] == "./one.jsonl" and example["words"] == " ".join(ITEM.split()[:13])


def test_a_recipe_names_benchmarks(tmp_path):
    write(tmp_path / "short.jsonl", [{"question": ITEM, "answer": "no"}, {"question": "Which?", "answer": "none"}])
    rows = [{"text": text_of(1)}, {"text": f"{text_of(2)} {ITEM}"}]
    made = Made(tmp_path, rows, validation=0, against=["short"])
    assert made.texts() == {text_of(1)}
    assert [row["of"] for row in made.dropped("benchmark")] == ["./short.jsonl"]
    said = json.loads((made.path / "benchmarks.json").read_text())
    assert said == {"ngram": 13, "benchmarks": [
        {"address": "./short.jsonl", "rows": 2, "items": 4, "too_short": 3, "runs": 8},
    ]}  # fmt: skip


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 13, 31])
def test_a_run_is_the_polynomial_of_its_words(length):
    words = np.arange(3, 60, dtype=np.uint64) ** 7
    plainly = [
        sum(int(word) * pow(_BASE, place, 2**64) for place, word in enumerate(words[start : start + length])) % 2**64
        for start in range(len(words) - length + 1)
    ]
    assert run_hashes(words, length).tolist() == plainly
    assert not len(run_hashes(words[: length - 1], length))


def test_the_recipe_says_how_many_words(tmp_path):
    write(tmp_path / "short.jsonl", [{"question": ITEM}])
    rows = [{"text": text_of(1)}, {"text": f"{text_of(2)} {' '.join(ITEM.split()[:11])}"}]
    for ngram, kept in ((11, 1), (12, 2)):
        made = Made(
            tmp_path / str(ngram), rows, validation=0, benchmarks=[file_of(tmp_path / "short.jsonl")], ngram=ngram
        )
        assert len(made.texts()) == kept


def test_short_runs_are_refused_unless_allowed():
    base = {"sources": [{"data": "./a"}]}
    with pytest.raises(ValidationError, match="runs of 8 words are common"):
        Config(**base, decontaminate={"against": ["./b"], "ngram": 8})
    assert Config(**base, decontaminate={"against": ["./b"], "ngram": 8, "allow_short_ngram": True})
    with pytest.raises(ValidationError):
        Config(**base, decontaminate={"against": []})
