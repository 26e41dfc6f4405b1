"""What the docstring judge prefers, and what does not pay."""

from __future__ import annotations

import statistics
from itertools import pairwise

import pytest

from pipeline.data.pydocs import judge as judging
from pipeline.data.pydocs import rows
from pipeline.data.pydocs.language import Language
from pipeline.data.pydocs.style import ends_with_stop, imperative, one_sentence, short, signature_stems, varied

PROMPT = [{"role": "user", "content": "Document: json.encoder.JSONEncoder.encode(o, indent=None)"}]


@pytest.fixture(scope="module")
def judge():
    return judging.make()


def score(judge, *answers):
    return judge.score([PROMPT] * len(answers), answers)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Encode the object.", "Encode the object"),
        ("Encode the object.", "Encodes the object."),
        ("Encode the object.", "encode the object."),
        ("Encode the object.", "The object."),
        ("Encode the object.", "Encode the object. Return the object. Return the object."),
        ("Encode the object.", "Return the value."),
        ("Return the encoded value.", "Return."),
        ("Return the value.", "Value the return of of the."),
        ("Encode the object.", "Encode encode encode encode encode encode."),
        ("Encode the object.", "Zrip prat encode klo."),
        ("Return.", ""),
    ],
)
def test_prefers(judge, better, worse):
    first, second = score(judge, better, worse)
    assert first > second


def test_scores_lie_between_the_bounds_and_nothing_gets_the_lowest(judge):
    found = score(judge, "", "...", "prir prir prir", "Encode the object.", "Return a " + "very " * 50)
    assert found[0] == found[1] == judging.LOWEST
    assert all(judging.LOWEST <= value <= judging.HIGHEST for value in found)


def test_even_two_pieces_of_gibberish_can_be_told_apart(judge):
    """Else an untrained policy has only ties, and no pair of preferences can be made."""
    assert len(set(score(judge, "Zrip prat klo.", "Zrip prat klo", "zrip prat klo xyl", "zrip. Prat. Klo."))) == 4


def test_no_constant_answer_pays_as_much_as_the_authors_own(judge):
    pairs = list(rows.pairs("test"))
    prompts = [row["messages"][:1] for row in pairs]
    own = statistics.mean(judge.score(prompts, [row["messages"][1]["content"] for row in pairs]))
    for constant in ("Return.", "Return the value.", "Return a list of names.", "Return True if it is set."):
        assert statistics.mean(judge.score(prompts, [constant] * len(pairs))) < own


def test_the_authors_order_of_words_is_preferred_to_any_other(judge):
    pairs = list(rows.pairs("test"))
    prompts = [row["messages"][:1] for row in pairs]
    own = [row["messages"][1]["content"] for row in pairs]
    reversed_order = [" ".join(reversed(text.split())) for text in own]
    grammatical = [judge.qualities(prompts, texts)["grammatical"] for texts in (own, reversed_order)]
    assert statistics.mean(grammatical[0]) > statistics.mean(grammatical[1]) + 0.2


def test_qualities_are_noughts_and_ones_for_every_answer(judge):
    found = judge.qualities([PROMPT] * 2, ["Encode the object.", ""])
    assert set(found) == {"ends_with_stop", "imperative", "short", "about", "known_words", "grammatical", "format"}
    assert all(values in ([1, 0], [1.0, 0.0]) for values in found.values())


def test_length_falls_off_smoothly():
    values = [short("word " * count) for count in range(40)]
    assert values[3:13] == [1.0] * 10
    assert all(abs(a - b) <= 0.6 for a, b in pairwise(values))
    assert values[0] == values[30] == 0


def test_parts_of_the_style():
    assert (imperative("Return x."), imperative("Returns x."), imperative("The x."), imperative("")) == (1, 0, 0, 0)
    assert (ends_with_stop("Done."), ends_with_stop("Done..."), ends_with_stop("Done")) == (1, 0, 0)
    assert (one_sentence("Read a.b file."), one_sentence("Read. Write.")) == (1, 0.5)
    assert varied("Copy file file file") == 0.5


def test_the_signatures_words_are_names_without_defaults():
    assert signature_stems("email.message.Message.get_param(param, header='content-type')") == {
        "messa",
        "get",
        "param",
        "heade",
    }


def test_the_language_knows_what_it_was_given():
    language = Language(
        frozenset({"return", "the"}), frozenset({("<start>", "return"), ("return", "the"), ("the", "<name>")})
    )
    assert language.known_words("Return the file.", {"file"}) == 1
    assert language.fluent("Return the file.", {"file"}) == 0.75
    assert language.known_words("", set()) == 0
