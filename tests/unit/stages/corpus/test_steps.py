"""Each step does what it says, to planted faults and to nothing else."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.stages.corpus.config import Config, Filters
from pipeline.stages.corpus.document import Document, Spool
from pipeline.stages.corpus.exact_duplicates import drop_exact_duplicates
from pipeline.stages.corpus.extract import extract
from pipeline.stages.corpus.filters import broken_rule, duplicate_line_share, top_phrase_share
from pipeline.stages.corpus.near_duplicates import drop_near_duplicates
from pipeline.stages.corpus.repair import repair, repaired
from pipeline.stages.corpus.shards import split_of
from pipeline.stages.corpus.shingles import jaccard, shingle_hashes
from tests.unit.stages.corpus.documents import documents, report, text_of, words

PAGE = (
    "<html><head><title>T</title></head><body><nav><ul><li><a href='/'>Home</a></li></ul></nav><article><h1>The mill</h1>"
    f"<p>{text_of(1)}</p><p>{text_of(2)}</p></article><footer>All rights reserved</footer></body></html>"
)


def similarity(one: str, other: str) -> float:
    """The five-word Jaccard similarity, written plainly."""
    first, second = ({tuple(t.lower().split()[i : i + 5]) for i in range(len(t.split()) - 4)} for t in (one, other))
    return len(first & second) / len(first | second)


def test_a_page_becomes_its_article_and_a_document_stays(tmp_path):
    page = Document(PAGE, "1", "./a", is_page=True)
    empty = Document("<html><body></body></html>", "2", "./a", is_page=True)
    account = report(tmp_path)
    made = list(extract([page, Document("<p>not a page", "3", "./a"), empty], report=account))
    assert [document.text for document in made] == [f"The mill\n{text_of(1)}\n{text_of(2)}", "<p>not a page"]
    assert account.dropped["no_text"] == {"./a": 1}


def test_the_fast_extractor_takes_the_article_too_and_is_told_when_it_is_missing(tmp_path, monkeypatch):
    broken = Document(PAGE.replace("The mill", "half \ud800"), "2", "./a", is_page=True)
    made = list(extract([Document(PAGE, "1", "./a", is_page=True), broken], report=report(tmp_path), extractor="fast"))
    assert made[0].text.split() == f"The mill {text_of(1)} {text_of(2)}".split()
    assert text_of(2) in made[1].text
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValidationError, match=r"pip install 'gristmill\[web\]'"):
        Config(sources=[{"data": "./a"}], extract="fast")


@pytest.mark.parametrize("text", ["séla of Dúnmar — “naïve”", "日本語のテキスト", "Ünïcödé façade", "ça vaut 5 €"])
def test_wrongly_decoded_text_is_mended(text):
    assert repaired(text.encode("utf-8").decode("latin-1")) == text
    assert repaired(text) == text


@pytest.mark.parametrize(
    "text",
    ["plain\ttext\r\nof two lines", "curly “quotes” and ﬁ and Ａ", "&lt;b&gt; &amp;", "x\u2028y", "👩‍👩‍👧 🏳️‍🌈", " "],
)
def test_clean_text_is_left_alone(text):
    assert repaired(text) == text


def test_controls_go_and_accents_are_composed():
    assert repaired("a\x00b\x1bc\x7f") == "abc"
    assert repaired("e\u0301a\ud83d\ude00") == "éa😀"
    assert "\ud800" not in repaired("x\ud800y")


def test_repair_counts_what_it_changed(tmp_path):
    account = report(tmp_path)
    list(repair(documents("clean text", "sÃ©la"), report=account))
    assert account.changed == {"./a": 1}
    assert account.as_json()["examples"]["changed"][0]["after"].endswith("éla")


def test_exact_duplicates_leave_the_lowest_id_whatever_the_order(tmp_path):
    planted = documents("one text", "another text", "one  text\n", "a third", "another text")
    for seed in range(5):
        shuffled = Random(seed).sample(planted, len(planted))
        kept = drop_exact_duplicates(shuffled, report=report(tmp_path), work=tmp_path)
        assert sorted(document.id for document in kept) == ["000", "001", "003"]


def near_copy(seed: int, changes: int) -> str:
    """A text with some words replaced."""
    changed = words(seed)
    for place in range(changes):
        changed[7 + 20 * place] = "changed"
    return " ".join(changed)


def test_near_duplicates_are_dropped_and_others_are_not(tmp_path):
    texts = [text_of(seed) for seed in range(40)] + [near_copy(seed, changes=1) for seed in range(20)]
    account = report(tmp_path)
    kept = list(drop_near_duplicates(documents(*texts), report=account, work=tmp_path, threshold=0.7))
    assert [document.text for document in kept] == texts[:40]
    assert account.dropped["near_duplicate"].total() == 20


def test_who_is_dropped_does_not_depend_on_the_order_and_resembles_one_that_stays(tmp_path):
    texts = [near_copy(seed, changes) for seed in range(15) for changes in range(3)]
    kept_ids = set()
    for seed in range(4):
        shuffled = Random(seed).sample(documents(*texts), len(texts))
        kept = list(drop_near_duplicates(shuffled, report=report(tmp_path), work=tmp_path, threshold=0.7))
        kept_ids.add(tuple(sorted(document.id for document in kept)))
        gone = set(texts) - {document.text for document in kept}
        assert all(max(similarity(text, document.text) for document in kept) >= 0.7 for text in gone)
    assert len(kept_ids) == 1


def test_texts_of_fewer_than_five_words_and_of_none_are_compared(tmp_path):
    texts = ["two words", "Two, words!", "other words", "...", "!!!"]
    kept = list(drop_near_duplicates(documents(*texts), report=report(tmp_path), work=tmp_path, threshold=0.7))
    assert [document.text for document in kept] == ["two words", "other words", "...", "!!!"]


def test_hashed_similarity_is_the_similarity_of_the_words():
    for changes in range(4):
        one, other = (np.unique(hashes) for hashes in shingle_hashes([text_of(3), near_copy(3, changes)]))
        assert jaccard(one, other) == pytest.approx(similarity(text_of(3), near_copy(3, changes)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (text_of(1), None),
        ("   tiny    ", "too_short"),
        (text_of(1) * 10, "too_long"),
        ("buy now and be happy\n" * 5, "repeated_lines"),
        ("we use cookies on this page " * 6, "repeated_phrase"),
        ("half a pair \ud800 and some more words", "broken_unicode"),
    ],
)
def test_filters_name_the_first_rule_that_is_broken(text, reason):
    assert broken_rule(text, Filters(max_characters=2_000)) == reason


def test_a_rule_set_to_null_drops_nothing():
    off = Filters(min_characters=1, max_duplicate_line_share=None, max_top_phrase_share=None)
    assert broken_rule("same\n" * 50, off) is None


def test_shares_are_what_their_names_say():
    assert duplicate_line_share("a\nb\n\na\n a ") == 0.5
    assert top_phrase_share("a b c d e " * 3 + "f g h i j") == 15 / 20
    assert top_phrase_share("a b c d e a b c d e") == 0  # twice is chance


def test_the_split_follows_the_text_alone():
    splits = [split_of(text_of(seed), 0.2) for seed in range(1000)]
    assert 150 < splits.count("validation") < 250
    assert splits == [split_of(text_of(seed), 0.2) for seed in range(1000)]
    assert {text for text in range(1000) if split_of(text_of(text), 0.1) == "validation"} <= {
        text for text in range(1000) if splits[text] == "validation"
    }


def test_a_spool_gives_back_what_it_took(tmp_path):
    spool = Spool(tmp_path / "spool.jsonl")
    planted = [
        Document("a\nb\ud800é", "1", "./a", {"x": [1, None]}, False, "digest"),
        Document("<p>", "2", "./b", {}, True),
    ]
    for document in planted:
        spool.add(document)
    assert list(spool) == planted
    assert [spool.read(1), spool.read(0)] == planted[::-1]
