"""What no reader sees goes, and what a script or a picture needs stays."""

from __future__ import annotations

import pytest

from pipeline.stages.corpus.invisible import without_invisible
from pipeline.stages.corpus.repair import repaired

STAY = {
    "an emoji of several": "👩\u200d👩\u200d👧 👩🏽\u200d🚀 🏳\ufe0f\u200d🌈 ❤\ufe0f\u200d🔥 🧔\u200d♂\ufe0f",
    "flags with tags": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f won",
    "Persian's half space": "می\u200cخواهم کتاب\u200cها",
    "Hindi's half forms": "क्\u200dष क्\u200cष",
    "Malayalam's chillu": "അവന്\u200d",
    "Sinhala's ligature": "ශ්\u200dරී",
    "Thai and Khmer without spaces": "ภาษา\u200bไทย ភាសា\u200bខ្មែរ",
    "marks in Hebrew and Arabic": "C++\u200f היא שפה\n\u061c5\u200e סוף",
    "Mongolian's vowel separator": "ᠬᠠᠷ\u180eᠠ",
}
GO = {
    "a\u200bb\u200c c\u200d\u2060d\ufeff": "ab cd",
    "pass\u00adword": "password",
    "access \u202eresu\u202c \u2066// admin\u2069": "access resu // admin",
    "עברית \u202bbidi\u202c": "עברית bidi",
    "latin\u200f only\nעברית\u200f stays": "latin only\nעברית\u200f stays",
    "hidden\U000e0069\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065 order": "hidden order",
    "👩\u200d and 👩\u200dx": "👩 and 👩x",
    "e\u200b\u0301": "é",
    "https://\u200bexample.com": "https://example.com",
}


@pytest.mark.parametrize("script", STAY)
def test_what_a_script_needs_stays(script):
    assert repaired(STAY[script]) == STAY[script]


@pytest.mark.parametrize("text", GO)
def test_what_nobody_sees_goes(text):
    assert repaired(text) == GO[text]


@pytest.mark.parametrize("text", [*GO, *STAY.values()])
def test_a_second_time_changes_nothing(text):
    assert without_invisible(without_invisible(text)) == without_invisible(text)


def test_what_was_decoded_wrongly_and_is_invisible_goes_too():
    assert repaired("a\u200bb é".encode().decode("latin-1")) == "ab é"
