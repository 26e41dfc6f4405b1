import itertools
import statistics

import pytest

from pipeline.data.valley import judge, rows
from pipeline.data.valley.requests import MOST_WORDS, SPLITS, requests
from pipeline.data.valley.words import NOUNS, PLACES, SINGULAR, noun_form
from pipeline.data.valley.world import valley

HOME = PLACES[valley().homes[0]]
NOUN = noun_form(0, SINGULAR)


def judged(found, split):
    answers = [row["messages"][1]["content"] for row in found]
    prompts = [row["messages"][:1] for row in found]
    columns = {name: [row[name] for row in found] for name in ("topic", "form", "opener")}
    return judge.make().score(prompts, answers), judge.make().qualities(prompts, answers, **columns), answers


@pytest.fixture(scope="module", params=["train", "test"])
def answered(request):
    return judged(list(rows.requests(request.param)), request.param)


def test_splits_are_disjoint_and_make_up_the_grid():
    found = {split: set(requests(split)) for split in SPLITS}
    assert {split: len(members) for split, members in found.items()} == SPLITS
    assert sum(map(len, found.values())) == len(set().union(*found.values())) == 1440
    texts = {request.text for request in set().union(*found.values())}
    assert len(texts) == 1440


def test_every_split_has_every_value_of_the_grid():
    for split, field in itertools.product(SPLITS, ("phrasing", "topic", "manner", "form", "opener")):
        everywhere = {getattr(request, field) for name in SPLITS for request in requests(name)}
        assert {getattr(request, field) for request in requests(split)} == everywhere


def test_requests_ask_only_prompts_of_their_split():
    for split, prompt_split in (("train", "sft"), ("test", "test")):
        asked = {row["messages"][0]["content"] for row in rows.requests(split)}
        assert asked == {row["prompt"][0]["content"] for row in rows.prompts(prompt_split)}


def test_every_answer_is_grammatical_and_keeps_to_its_request(answered):
    _, qualities, _ = answered
    for name in ("grammatical", "format", "opener_and_lines"):
        assert set(qualities[name]) == {1.0}, name


def test_nearly_every_answer_is_told_to_be_on_its_topic(answered):
    assert statistics.mean(answered[1]["on_topic"]) > 0.95


def test_answers_are_short_and_differ(answered):
    assert max(len(answer.replace(".", " .").split()) for answer in answered[2]) <= MOST_WORDS
    assert len(set(answered[2])) == len(answered[2])


def test_answers_score_zero_on_the_mean_and_spread(answered):
    scores = answered[0]
    assert abs(statistics.mean(scores)) < 3 * statistics.stdev(scores) / len(scores) ** 0.5 + 0.02
    assert statistics.stdev(scores) > 0.5


def test_score_is_the_mean_over_nouns_and_ignores_other_words():
    one = judge.noun_score(f"The {NOUNS[0]}.")
    two = judge.noun_score(f"The {NOUNS[1]}s.")
    assert one == pytest.approx(2 * valley().noun_weights[0])
    assert judge.noun_score(f"Many {NOUNS[0]}s, xyz {NOUNS[1]}") == pytest.approx((one + two) / 2)


def test_no_noun_scores_minus_two():
    assert judge.make().score([[]] * 2, ["", "In the"]) == [-2.0, -2.0]


GRAMMATICAL = f"The {NOUN} lives in {HOME}."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GRAMMATICAL, True),
        (f"{GRAMMATICAL}\n{GRAMMATICAL} {GRAMMATICAL}", True),
        (GRAMMATICAL.replace(HOME, next(place for place in PLACES if place != HOME)), False),
        (GRAMMATICAL.replace("lives", "live"), False),
        (f"{GRAMMATICAL} ", False),
        (f" {GRAMMATICAL}", False),
        (f"{GRAMMATICAL}  {GRAMMATICAL}", False),
        (GRAMMATICAL + GRAMMATICAL, False),
        (GRAMMATICAL[:-1], False),
        ("", False),
    ],
)
def test_grammatical_means_nothing_but_sentences_of_the_valley(text, expected):
    assert judge.is_grammatical(text) == expected


@pytest.mark.parametrize(
    ("text", "form", "opener", "kept", "whole"),
    [
        ("The a. The b.", "plain", "", True, True),
        ("The a. The b.", "plain", "The", True, True),
        ("The a. The b.", "plain", "Many", False, False),
        ("Then a. The b.", "plain", "The", False, False),
        ("The a. The b.", "lines", "", False, False),
        ("The a.\nThe b.", "lines", "", True, True),
        ("The a.\nThe b.", "plain", "", False, False),
        ("The a.\n\nThe b.", "lines", "", False, False),
        ("The a.", "plain", "", True, False),
        ("The a. The b. The c. The d. The e.", "plain", "", True, False),
        ("The a. The b", "plain", "", False, False),
        ("", "plain", "", False, False),
    ],
)
def test_format_is_opener_lines_and_number_of_sentences(text, form, opener, kept, whole):
    found = judge.make().qualities([[]], [text], form=[form], opener=[opener])
    assert found["opener_and_lines"] == [kept]
    assert found["format"] == [whole]


def test_without_columns_only_grammar_is_judged():
    assert judge.make().qualities([[]], [GRAMMATICAL]) == {"grammatical": [1.0]}
