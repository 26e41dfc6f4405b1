from __future__ import annotations

import pytest

from pipeline.core.errors import StageError
from pipeline.data.verifiers import exact_answer, pattern

PROMPTS = [[{"role": "user", "content": f"question {number}"}] for number in range(3)]


def test_an_answer_is_right_when_it_is_the_rows_and_nothing_else():
    scores = exact_answer().score(PROMPTS, [" 42\n", "It is 42", "a  b"], answer=[42, "42", ["c", "a b"]])
    assert scores == [1.0, 0.0, 1.0]
    assert exact_answer().score(PROMPTS[:1], ["Paris"], answer=["paris"]) == [0.0]


def test_a_pattern_is_looked_for_anywhere_unless_it_is_anchored():
    assert pattern().score(PROMPTS, ["so 12", "so 12", "none"], pattern=[r"\d+", r"^\d+", r"\d"]) == [1.0, 0.0, 0.0]
    assert pattern(r"\.$").score(PROMPTS[:2], ["Yes.", "Yes"]) == [1.0, 0.0]


def test_rows_that_do_not_say_what_is_right_are_named():
    with pytest.raises(StageError, match=r"builtin:exact-answer: .*no column 'answer'.*columns: \{answer: theirs\}"):
        exact_answer().score(PROMPTS, ["a", "b", "c"], row=[1, 2, 3])
    with pytest.raises(StageError, match=r"builtin:pattern: a prompt's row has no 'pattern'.*question 1"):
        pattern().score(PROMPTS, ["a", "b", "c"], pattern=["a", None, "c"])
    with pytest.raises(StageError, match=r"builtin:pattern: '\(' is no regular expression"):
        pattern().score(PROMPTS[:1], ["a"], pattern=["("])
