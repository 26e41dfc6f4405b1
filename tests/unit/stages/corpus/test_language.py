"""Documents in other languages are found, named and dropped; the column says which language each is in."""

from __future__ import annotations

import pickle
from functools import partial

import pytest
from pydantic import ValidationError

from pipeline.stages.corpus.config import Config, Language
from pipeline.stages.corpus.language import identify_languages, language_of
from pipeline.stages.corpus.languages import LANGUAGES
from tests.unit.stages.corpus.documents import Made, documents, report

ENGLISH = "All human beings are born free and equal in dignity and rights."
GERMAN = "Alle Menschen sind frei und gleich an Würde und Rechten geboren."
NUMBERS = "1234 5678 91011 \ud800"


def test_other_languages_and_none_are_dropped_for_their_own_reasons(tmp_path):
    account = report(tmp_path)
    step = pickle.loads(pickle.dumps(partial(identify_languages, settings=Language(keep=["en", "fr"]))))
    kept = list(step(documents(ENGLISH, GERMAN, NUMBERS), report=account))
    assert [(document.text, document.columns) for document in kept] == [(ENGLISH, {"language": "en"})]
    assert account.dropped == {"other_language": {"./a": 1}, "unsure_language": {"./a": 1}}
    assert account.as_json()["examples"]["other_language"][0]["detected"] == "de"


def test_without_a_list_the_column_is_all_there_is(tmp_path):
    rows = [{"text": text} for text in (ENGLISH, GERMAN, "1234 5678 91011 12345 31415")]
    made = Made(tmp_path, rows, language={}, validation=0)
    assert [row["language"] for row in made.rows()] == ["en", "de", "und"]
    assert "language" not in Made(tmp_path / "off", rows, validation=0).rows()[0]


def test_a_surer_model_is_asked_for_by_min_confidence(tmp_path):
    confidence = language_of(ENGLISH)[1]
    for least, language in ((confidence - 0.01, "en"), (min(1, confidence + 0.01), "und")):
        (document,) = identify_languages(
            documents(ENGLISH), report=report(tmp_path), settings=Language(min_confidence=least)
        )
        assert document.columns["language"] == language


def test_a_long_document_is_judged_by_its_beginning_middle_and_end():
    assert language_of("7 " * 2_000 + GERMAN * 30 + " 7" * 2_000)[0] == "de"
    assert language_of("")[1] < 0.3


def test_codes_are_those_of_the_model():
    from pipeline.stages.corpus.language import _detector

    found = {row["lang"] for row in _detector().detect("text", model="lite", k=400)}
    assert found <= LANGUAGES and len(LANGUAGES) == 176
    with pytest.raises(ValidationError, match="'eng' is no language that the model knows; it has el, eml, en, eo, es"):
        Config(sources=[{"data": "./a"}], language={"keep": ["eng"]})
