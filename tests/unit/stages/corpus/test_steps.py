"""Each step does what it says, to planted faults and to nothing else."""

from __future__ import annotations

import re
from random import Random

import ftfy
import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.stages.corpus.config import Config, Filters
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.extract import extract
from pipeline.stages.corpus.filters import broken_rule, duplicate_line_share, top_phrase_share
from pipeline.stages.corpus.mixing import epochs_of, mix
from pipeline.stages.corpus.repair import FTFY, decoded_rightly, repair, repaired
from pipeline.stages.corpus.shards import split_of
from pipeline.stages.corpus.shingles import AT_ONCE, jaccard, shingle_hashes
from pipeline.stages.corpus.spool import Spools, write_spool
from tests.unit.stages.corpus.documents import deduplicated, documents, report, text_of, words

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


def test_exact_duplicates_leave_the_first(tmp_path):
    kept, reports = deduplicated(tmp_path, ["one text", "another text", "one  text\n", "a third", "another text"], None)
    assert kept == ["one text", "another text", "a third"]
    assert [example["of"] for example in reports["exact_duplicates"].as_json()["examples"]["exact_duplicate"]] == [
        "000 (./a)", "001 (./a)",
    ]  # fmt: skip


def near_copy(seed: int, changes: int) -> str:
    """A text with some words replaced."""
    changed = words(seed)
    for place in range(changes):
        changed[7 + 20 * place] = "changed"
    return " ".join(changed)


def test_near_duplicates_are_dropped_and_others_are_not(tmp_path):
    texts = [text_of(seed) for seed in range(40)] + [near_copy(seed, changes=1) for seed in range(20)]
    kept, reports = deduplicated(tmp_path, texts)
    assert kept == texts[:40]
    assert reports["near_duplicates"].dropped["near_duplicate"].total() == 20


def test_who_is_dropped_resembles_one_that_stays_however_the_work_is_cut(tmp_path):
    texts = [near_copy(seed, changes) for changes in range(3) for seed in range(15)]
    kept = [deduplicated(tmp_path / str(tasks), texts, tasks=tasks)[0] for tasks in (1, 2, 7)]
    assert kept[0] == kept[1] == kept[2]
    gone = set(texts) - set(kept[0])
    assert len(gone) >= 15
    assert all(max(similarity(text, other) for other in kept[0]) >= 0.7 for text in gone)


def test_texts_of_fewer_than_five_words_and_of_none_are_compared(tmp_path):
    texts = ["two words", "Two, words!", "other words", "...", "!!!"]
    assert deduplicated(tmp_path, texts)[0] == ["two words", "other words", "...", "!!!"]


def test_runs_are_hashed_as_the_words_they_are():
    texts = ["", "a", "a b", "ß Straße İx", "x  y\n_z 日本語 a b c", "\ud800a b", *(text_of(seed) for seed in range(9))]
    texts.append(
        " ".join(words(5, 2 * AT_ONCE // 8)) + "x" * 2 * AT_ONCE
    )  # in several pieces, one of them a single word
    seen: dict[int, tuple[str, ...]] = {}
    for text, hashes in zip(texts, shingle_hashes(texts), strict=True):
        found = re.findall(r"\w+", text.lower())
        length = min(5, len(found))
        runs = [tuple(found[start : start + length]) for start in range(len(found) - length + 1)] if length else []
        if len(text) < AT_ONCE:
            assert len(runs) == len(hashes)
        assert all(seen.setdefault(value, run) == run for value, run in zip(hashes.tolist(), runs, strict=False))
        assert np.array_equal(hashes, shingle_hashes([text])[0])
    assert len(seen) == len(set(seen.values()))


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
    planted = [Document("a\nbé", "1", "./a", {"x": [1, None]}, False, "digest", 0), Document("c", "2", "./b", index=1)]
    (tmp_path / "00000").mkdir()
    write_spool(tmp_path / "00000", planted, ["./a", "./b"], near=True)
    spools = Spools(tmp_path)
    assert list(spools.of(0)) == planted
    assert [spools.read(1), spools.read(0)] == planted[::-1]
    assert spools.column("sizes").tolist() == [5, 1] and spools.column("sources").tolist() == [0, 1]


def test_mending_line_by_line_is_what_ftfy_does():
    draws = Random(1)
    pool = ["â€œ", "Ã©", "é", "e\u0301", "\x85", "\x1b[31m", "\ud83d", "\ude00", "\n", "a ", "voilÃ ", "\xa0", "ﬁ", "’", "日本",
            "\r\n", "\x0c", "\ufeff", "Å", " ", "x", "Œ", "ГўВЂВ", "ā€"]  # fmt: skip
    for _ in range(5_000):
        text = "".join(draws.choices(pool, k=draws.randint(1, 8)))
        assert decoded_rightly(text) == ftfy.fix_text(text, FTFY)


def test_sources_stand_in_the_corpus_by_their_weights(tmp_path):
    sizes = {"./a": 3_000, "./b": 1_000}
    epochs = epochs_of({"./a": 1.0, "./b": 1.0}, sizes, max_epochs=4)
    assert epochs == {"./a": pytest.approx(2 / 3), "./b": pytest.approx(2)}
    assert epochs_of({"./a": 1.0, "./b": 9.0}, sizes, max_epochs=2)["./b"] == pytest.approx(2)
    planted = documents(*(text_of(seed) for seed in range(900)))
    account = report(tmp_path)
    mixed = list(mix(planted, report=account, epochs={"./a": 1.5}, validation=0.1))
    held_out = sum(split_of(document.text, 0.1) == "validation" for document in planted)
    assert sum(split_of(document.text, 0.1) == "validation" for document in mixed) == held_out
    assert len(mixed) == 900 + account.repeated["./a"] == pytest.approx(900 + (900 - held_out) / 2, rel=0.05)
    fewer = list(mix(planted, report=account, epochs={"./a": 0.25}, validation=0.1))
    assert len(fewer) + account.dropped["not_drawn"].total() == 900
