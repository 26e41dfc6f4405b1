"""The shipped recipes that need something of the user's: what they say without it, and that they run with it."""

from __future__ import annotations

import gzip
import html
import json
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from huggingface_hub.constants import HF_HUB_OFFLINE

from pipeline import DataError, Recipe, RecipeError
from pipeline.models.headers import weight_count
from pipeline.shipped import shipped_recipes
from tests import chain

PLAYS = chain.ROOT.parent / "shared/data/tinyshakespeare.jsonl.gz"
TEXT = "\n\n".join(topics.values())[:60_000]
FINEWEB_EDU = {"dump": "CC-MAIN-2024-10", "url": "https://example.org", "file_path": "s3://x", "language": "en",
               "language_score": 0.97, "token_count": 120, "score": 2.9, "int_score": 3}  # fmt: skip
SMALL = ["pretrain.decoder.num_hidden_layers=1", "pretrain.decoder.hidden_size=64", "pretrain.decoder.num_attention_heads=1",
         "pretrain.decoder.max_position_embeddings=128", "tokenizer.vocab_size=512"]  # fmt: skip


def copied(name: str, folder: Path) -> Path:
    recipe = folder / f"{name}.yaml"
    recipe.write_text(shipped_recipes()[name].read_text())
    return recipe


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_shakespeare_says_where_to_put_the_text(tmp_path):
    with pytest.raises(RecipeError, match=r"'\./text': there is no such file or folder; put it at .*/text$"):
        Recipe.load(copied("shakespeare-cpu", tmp_path))


def test_shakespeare_runs_on_a_text_of_ones_own(tmp_path):
    recipe = copied("shakespeare-cpu", tmp_path)
    (tmp_path / "text").mkdir()
    (tmp_path / "text/input.txt").write_text(TEXT, encoding="utf-8")
    run = Recipe.load(recipe, smoke=True).run(runs=tmp_path, say=lambda line: None)
    rows = [json.loads((run["corpus"].path / f"{split}-00000.jsonl").read_text()) for split in ("train", "validation")]
    assert rows[0]["text"] == TEXT[: int(0.9 * len(TEXT))] and rows[1]["text"] == TEXT[int(0.9 * len(TEXT)) :]
    assert run["tokenizer"].metrics["vocab_size"] == 8 + len(set(rows[0]["text"]))
    assert weight_count(run["pretrain"].path) == run["pretrain"].metrics["parameters"]


@pytest.mark.slow
def test_shakespeare_on_shakespeare_learns(tmp_path):
    if not PLAYS.exists():
        pytest.skip(f"{PLAYS} is not there: the open data bundle does not come with the repository")
    with gzip.open(PLAYS, "rt", encoding="utf-8") as file:
        plays = "\n\n".join(json.loads(line)["text"] for line in file)
    recipe = copied("shakespeare-cpu", tmp_path)
    (tmp_path / "text").mkdir()
    (tmp_path / "text/plays.txt").write_text(plays, encoding="utf-8")
    run = Recipe.load(recipe, set=["pretrain.train.steps=150"]).run(runs=tmp_path, say=lambda line: None)
    assert run["tokenizer"].metrics["vocab_size"] == 8 + 65
    figures = run["pretrain"].metrics
    assert figures["bits_per_byte"] < figures["bigram_bits_per_byte"] < figures["unigram_bits_per_byte"]


def test_corpus_books_cleans_a_folder_and_tells_where_each_file_went(tmp_path):
    recipe = copied("corpus-books", tmp_path)
    with pytest.raises(RecipeError, match=r"'\./text': there is no such file or folder; put it at .*/text$"):
        Recipe.load(recipe)
    books = {name: text for text, name in {text: name for name, text in topics.items()}.items() if len(text) > 500}
    books = dict(list(books.items())[:30])
    (tmp_path / "text/pages").mkdir(parents=True)
    for number, (name, text) in enumerate(books.items()):
        if number % 4:
            (tmp_path / f"text/{name}.txt").write_text(text, encoding="utf-8")
        else:
            lines = "".join(f"<p>{html.escape(line)}</p>" for line in text.split("\n\n"))
            menu, end = "<nav><a href='/'>Home of all pages</a></nav>", "<footer>All rights reserved</footer>"
            page = f"<html><body>{menu}<article>{lines}</article>{end}</body></html>"
            (tmp_path / f"text/pages/{name}.html").write_text(page, encoding="utf-8")
    first = next(iter(books.values()))
    (tmp_path / "text/another edition.txt").write_text(f"{list(books.values())[1]}\n\nThe end.", encoding="utf-8")
    (tmp_path / "text/copy.txt").write_text(list(books.values())[2], encoding="utf-8")
    (tmp_path / "text/empty.txt").touch()
    (tmp_path / "text/note.txt").write_text(first[:50], encoding="utf-8")
    run = Recipe.load(recipe, set=["corpus.validation=0.2"]).run(runs=tmp_path, say=lambda line: None)
    made, figures = run["corpus"].path, run["corpus"].metrics
    assert figures["documents_read"] == len(books) + 4
    assert figures["dropped"] == {"empty_file": 1, "too_short": 1, "exact_duplicate": 1, "near_duplicate": 1}
    kept = [json.loads(line) for path in made.glob("*-*.jsonl") for line in path.read_text().splitlines()]
    assert len(kept) == figures["documents"] == figures["documents_read"] - sum(figures["dropped"].values())
    assert all("All rights reserved" not in row["text"] for row in kept)
    assert {row["language"] for row in kept} == {"en"}
    card = (made / "card.html").read_text()
    assert f"{figures['documents_read']} read − {sum(figures['dropped'].values())} dropped" in card
    assert '<a href="corpus/card.html">its card</a>' in (tmp_path / "corpus-books/report.html").read_text()
    assert 256 < run["tokenizer"].metrics["vocab_size"] <= 16384


def test_base_124m_is_gpt2_small(tmp_path):
    recipe = Recipe.load(shipped_recipes()["base-124m"])
    estimate = recipe.estimates(recipe.plan(runs=tmp_path), runs=tmp_path)["pretrain"].record()
    assert estimate["parameters"] == 50304 * 768 + 1024 * 768 + 12 * (12 * 768**2 + 13 * 768) + 2 * 768
    assert estimate["remarks"] == ["compute-optimal are 2.49B tokens, 20 a parameter; here 80.3"]
    train = recipe.loaded.stages["pretrain"].config.train  # type: ignore[attr-defined]
    assert train.global_batch_size % 8 == 0


@pytest.mark.skipif(not HF_HUB_OFFLINE, reason="HF_HUB_OFFLINE is not set, and the Hub may be reached")
def test_base_124m_without_a_network_says_what_is_missing_in_a_line(tmp_path):
    recipe = Recipe.load(copied("base-124m", tmp_path), smoke=True)
    with pytest.raises(
        DataError, match=r"^hf://datasets/HuggingFaceFW/fineweb-edu\[train\]: cannot be read .*network$"
    ):
        recipe.run(runs=tmp_path, say=lambda line: None)


def test_base_124m_runs_small_on_a_folder_with_the_same_columns(tmp_path):
    recipe = copied("base-124m", tmp_path)
    (tmp_path / "text").mkdir()
    rows = [{"text": text, "id": f"<urn:uuid:{name}>", **FINEWEB_EDU} for name, text in topics.items()]
    (tmp_path / "text/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    changes = ["corpus.sources.0.data=./text", "corpus.validation=0.05", *SMALL]
    run = Recipe.load(recipe, set=changes, smoke=True).run(runs=tmp_path, say=lambda line: None)
    config = json.loads((run["pretrain"].path / "config.json").read_text())
    assert (config["position_encoding"], config["normalization"], config["qk_norm"]) == ("learned", "layernorm", False)
    assert manifest(run["pretrain"].path)["metrics"]["trained_tokens"] == 2 * 8 * 128
