"""A preview shows what the steps would do, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app

ROWS = [f"The {word} miller grinds the rye of the {word} village, and the {word} river turns the wheel." for word in
        ("old", "young", "tall", "quiet", "happy", "tired")]  # fmt: skip


@pytest.fixture(autouse=True)
def a_folder_with_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    texts = [*ROWS, ROWS[0], "short\x1b[31m", "brief", "curt", "terse"]
    Path("rows.jsonl").write_text(
        "".join(json.dumps({"text": text, "id": f"d{n}"}) + "\n" for n, text in enumerate(texts))
    )
    Path("books.yaml").write_text(
        "recipe: 1\nname: books\nstages:\n  corpus: {sources: [{data: ./rows.jsonl}], repair: false}\n"
    )


def previewed(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["preview", "books.yaml", *options])
    return result.exit_code, result.output


def test_it_shows_the_funnel_with_three_examples_of_each_reason_and_keeps_nothing():
    code, shown = previewed()
    assert code == 0
    assert "corpus: 6 of 11 documents stay" in shown
    assert "filters: too_short  4 of ./rows.jsonl" in shown
    assert [name for name in ("d7", "d8", "d9", "d10") if f"    {name}\n" in shown] == ["d7", "d8", "d9"]
    assert "of d0 (./rows.jsonl)" in shown
    assert "\x1b" not in shown
    assert sorted(path.name for path in Path().iterdir()) == ["books.yaml", "rows.jsonl"]


def test_rules_are_tried_on_as_many_documents_as_are_asked_for():
    code, shown = previewed("--documents", "5", "--set", "corpus.filters.min_characters=85", "--json")
    funnel = json.loads(shown)["corpus"]
    assert code == 0 and funnel["documents_read"] == 5
    assert {step["step"]: step["dropped"] for step in funnel["steps"]}["filters"] == {"too_short": {"./rows.jsonl": 1}}


def test_a_sample_of_which_nothing_stays_is_shown_before_the_error():
    code, shown = previewed("--set", "corpus.filters.min_characters=500")
    assert code == 3
    assert "filters: too_short  11 of ./rows.jsonl" in shown
    assert "corpus: no document of the sample stays\n" in shown
