import statistics

import pytest

from pipeline.data.valley import documents, floor
from pipeline.data.valley.documents import FEWEST_SENTENCES, MOST_SENTENCES, sample_document, surprisal
from pipeline.data.valley.words import PLACES, SINGULAR, noun_form
from pipeline.data.valley.world import stream, valley


@pytest.fixture(scope="module")
def sampled():
    draws = stream("tests/documents")
    return [sample_document(draws) for _ in range(4000)]


def three_errors(values):
    return 3 * statistics.stdev(values) / len(values) ** 0.5


def test_what_is_generated_is_read_back_with_exactly_its_surprisal(sampled):
    assert all(surprisal(document.text) == document.surprisal for document in sampled)


def test_mean_surprisal_agrees_with_the_entropy_in_closed_form(sampled):
    values = [document.surprisal for document in sampled]
    assert statistics.mean(values) == pytest.approx(floor.entropy(), abs=three_errors(values))


def test_mean_length_agrees_with_the_closed_form(sampled):
    lengths = [len(document.text) for document in sampled]
    assert statistics.mean(lengths) == pytest.approx(floor.expected_characters(), abs=three_errors(lengths))


def test_number_of_sentences_keeps_within_its_bounds(sampled):
    counts = [document.text.count(".") for document in sampled]
    assert (min(counts), max(counts)) == (FEWEST_SENTENCES, MOST_SENTENCES)


def sentence(home: str) -> str:
    return f"One {noun_form(0, SINGULAR)} lives in {home}."


HOME = PLACES[valley().homes[0]]
ELSEWHERE = next(place for place in PLACES if place != HOME)
GOOD = " ".join([sentence(HOME)] * 7)


def test_a_document_written_by_hand_is_read():
    assert surprisal(f"About the sea\n{GOOD}") > 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "About the sea",
        GOOD,
        f"About the moon\n{GOOD}",
        f"About the sea {GOOD}",
        f"About the sea\n{GOOD}\n",
        f"About the sea\n{GOOD} ",
        f"About the sea\n\n{GOOD}",
        f"About the sea\n{GOOD[:-1]}",
        f"About the sea\n{GOOD}.",
        f"About the sea\n{GOOD.replace(' lives', '  lives', 1)}",
        f"About the sea\n{GOOD.replace('lives', 'live', 1)}",
        f"About the sea\n{GOOD.replace(HOME, ELSEWHERE, 1)}",
        f"About the sea\n{sentence(HOME)}",
        f"About the sea\n{' '.join([sentence(HOME)] * (MOST_SENTENCES + 1))}",
    ],
    ids=lambda text: text[:30],
)
def test_what_the_valley_does_not_say_has_no_surprisal(text):
    assert surprisal(text) is None


def test_all_choices_of_an_end_are_probabilities():
    left = 1.0
    for count in range(1, MOST_SENTENCES + 1):
        left *= 1 - documents.stop_probability(count)
    assert left == 0


def test_each_ability_lacking_raises_the_floor():
    floors = floor.ability_floors()
    full = floors.pop("full")
    assert 0.25 < full < 0.33
    assert all(full + 0.004 < lacking < full + 0.05 for lacking in floors.values())
    assert set(floors) == {"no facts", "no agreement", "no topic"}
