import itertools

import numpy as np
import pytest

from pipeline.data.valley import words
from pipeline.data.valley.world import centred_weights, shuffled, stream, valley, zipf


def test_the_dictionary_has_no_word_twice():
    forms = [*words.NOUN_OF_FORM, *words.VERB_OF_FORM, *words.ADJECTIVES, *words.PLACES, *words.TOPICS]
    assert len(forms) == len(set(forms)) == 24 * 2 + 12 * 2 + 12 + 16 + 4
    assert len(words.PARTICLES) == len(words.VERBS)


def test_some_words_have_accents():
    assert any(not word.isascii() for word in words.NOUNS)
    assert any(not word.isascii() for word in words.PLACES)


def test_every_place_is_a_home_and_every_noun_has_one():
    assert set(valley().homes) == set(range(len(words.PLACES)))
    assert len(valley().homes) == len(words.NOUNS)


def test_topics_permute_the_same_frequencies():
    for table in (valley().nouns, valley().verbs):
        assert len({tuple(sorted(frequencies)) for frequencies in table}) == 1
        assert len(set(table)) == len(words.TOPICS)


def test_hidden_weights_have_mean_zero_under_every_topic_and_deviation_one():
    frequencies, weights = np.array(valley().nouns), np.array(valley().noun_weights)
    np.testing.assert_allclose(frequencies @ weights, 0, atol=1e-5)
    assert np.sqrt((frequencies @ weights**2).mean()) == pytest.approx(1, abs=1e-5)


def test_centring_changes_nothing_that_is_centred():
    frequencies = np.array([zipf(5), zipf(5)[::-1]])
    weights = centred_weights(np.array([3.0, -1.0, 2.0, 0.5, 1.0]), frequencies)
    np.testing.assert_allclose(centred_weights(weights, frequencies), weights)


def test_streams_are_repeatable_and_differ_by_name():
    first, again, other = (shuffled(tuple(range(20)), stream(name)) for name in ("a", "a", "b"))
    assert first == again != other
    assert sorted(first) == list(range(20))


def test_the_world_is_the_one_it_was():
    """Changing the world invalidates every figure measured on it: raise the catalogue's version when this changes."""
    homes = [words.PLACES[home] for home in valley().homes]
    assert dict(itertools.islice(zip(words.NOUNS, homes, strict=True), 4)) == {
        "dola": "Baldor",
        "dovin": "Ranmar",
        "tavin": "Linmar",
        "tabo": "Östdor",
    }
    assert valley().noun_weights[:2] == pytest.approx((-0.848746, 2.977757), abs=1e-5)
