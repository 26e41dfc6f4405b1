"""The named rules say what their papers say, without the libraries that datatrove would load for them."""

from __future__ import annotations

import pickle
from functools import partial
from typing import get_args

import pytest
from pydantic import ValidationError

from pipeline.stages.corpus.config import Config, QualityRule
from pipeline.stages.corpus.quality import RULES, filter_by_quality, judged, word_splitter
from tests.unit.stages.corpus.documents import WORDS, Made, documents, report, text_of, words

PROSE = "\n".join(
    f"The {name} of the house went to the river with a basket, and that was what they have to be known for."
    for name in ("cook", "owner", "painter", "daughter", "gardener", "friend", "teacher", "keeper")
)
BROKEN = {
    "gopher_quality": {
        "gopher_short_doc": "the shortest of all texts that have words",
        "gopher_too_many_hashes": "# " * 30 + PROSE,
        "gopher_too_many_bullets": "\n".join(f"- {line}" for line in PROSE.split("\n")),
        "gopher_below_alpha_threshold": "the 1234 5678 90123 and 45678 90123 of have " * 12,
        "gopher_enough_stop_words": " ".join(WORDS * 3),
        "gopher_below_avg_threshold": "to be of an it is on at " * 10,
    },
    "gopher_repetition": {"dup_line_frac": "one line\n" * 9, "top_2_gram": "one two " * 9},
    "c4": {
        "lorem_ipsum": PROSE + "\nLorem ipsum dolor sit amet.",
        "curly_bracket": PROSE + "\nThis is { code }.",
        "too_few_sentences": "One sentence of some words. A second one.",
    },
    "c4_paragraphs": {"fewer_than_3_paragraphs": PROSE},
    "fineweb": {
        "line_punct_ratio": PROSE.replace(".", ""),
        "short_line_ratio": "One short line.\nA second.\nA third.\nA fourth.\n" + PROSE.split("\n")[0],
        "list_ratio": "\n\n".join(["Thirty letters make a line here.", "Another line with other words."]) + "\n" * 20,
    },
}


def test_every_name_is_a_rule():
    assert set(get_args(QualityRule)) == set(RULES) == set(BROKEN)


@pytest.mark.parametrize(("rule", "reason"), [(rule, reason) for rule in BROKEN for reason in BROKEN[rule]])
def test_a_broken_rule_is_named_as_datatrove_names_it(rule, reason):
    assert judged(BROKEN[rule][reason], rule)[1] == f"{rule}-{reason}"


@pytest.mark.parametrize("rule", ["gopher_quality", "gopher_repetition", "c4", "fineweb"])
def test_prose_passes_unchanged(rule):
    varied = PROSE if rule != "gopher_repetition" else f"{text_of(2)}. {text_of(3)}"
    assert judged(varied, rule) == (varied, None)
    paragraphs = "\n".join(text_of(seed) for seed in range(3))
    assert judged(paragraphs, "c4_paragraphs") == (paragraphs, None)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("text", ["", "\n", "...", "-\n\x0b-", "\x1c", "日本語のテキスト。", "\ud800"])
def test_no_text_breaks_a_rules_code(rule, text):
    assert judged(text, rule)[1] or judged(text, rule)[0] == text


def test_the_first_rule_that_is_broken_drops_the_whole_document(tmp_path):
    account = report(tmp_path)
    step = pickle.loads(pickle.dumps(partial(filter_by_quality, rules=["c4", "gopher_quality"])))
    menu = "Home\n" + PROSE
    kept = list(step(documents(menu, "Menu\nshort.", "# " * 60 + PROSE), report=account))
    assert [document.text for document in kept] == [PROSE]  # c4 took out the line without a full stop
    assert account.changed == {"./a": 1}
    assert set(account.dropped) == {"c4-too_few_sentences", "gopher_quality-gopher_too_many_hashes"}
    assert account.as_json()["examples"]["c4-too_few_sentences"][0]["text"] == "Menu\nshort."


def test_none_is_asked_unless_named(tmp_path):
    rows = [{"text": PROSE}, {"text": " ".join(words(1)) + "."}]
    assert len(Made(tmp_path, rows, validation=0).rows()) == 2
    made = Made(tmp_path, rows, validation=0, quality=["gopher_quality"])
    assert [row["text"] for row in made.rows()] == [PROSE]
    assert [row["text"] for row in made.dropped("gopher_quality-gopher_above_avg_threshold")] == [rows[1]["text"]]


def test_words_are_split_as_the_rules_count_them():
    split = word_splitter().word_tokenize("“Don’t,” she said -- 3.5 of them... at a.b@c.org!")
    assert split == ["“", "Don’t", ",", "”", "she", "said", "--", "3.5", "of", "them", "...", "at", "a.b@c.org", "!"]
    assert word_splitter().sent_tokenize('He said "Go!" Then  he\nleft. ') == ['He said "Go!', "Then  he\nleft."]


def test_rules_that_need_more_are_refused_with_the_reason():
    with pytest.raises(ValidationError, match=r"fetched from the network .* `safety: \{blocklist"):
        Config(sources=[{"data": "./a"}], quality=["c4_badwords"])
