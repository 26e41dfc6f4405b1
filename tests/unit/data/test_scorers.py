from __future__ import annotations

import sys
from types import ModuleType

import pytest

from pipeline.core.errors import StageError
from pipeline.core.references import Resolved
from pipeline.data.scorers import finite_scores, open_scorer, other_columns, score_rows

PROMPT = [{"role": "user", "content": "Write."}]


@pytest.fixture
def judged_by(monkeypatch):
    """A judge that is this function."""

    def make(function):
        module = ModuleType("my_rewards")
        module.__dict__.update(function=function, __file__="my_rewards.py")
        monkeypatch.setitem(sys.modules, "my_rewards", module)
        address = "my_rewards:function"
        return open_scorer(Resolved(address, "python", "digest", name=address))

    return make


def test_a_python_function_is_called_as_trl_calls_it(judged_by):
    def length(prompts, completions, topic, **columns):
        assert prompts == [PROMPT, PROMPT] and topic == [1, None] and not columns
        return [len(completion[0]["content"]) for completion in completions]

    rows = [{"prompt": PROMPT, "topic": 1}, {"prompt": PROMPT}]
    assert score_rows(judged_by(length), rows, ["ab", "abc"]) == [2.0, 3.0]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0], "my_rewards:function: returned 1 scores for 2 answers"),
        ([1.0, float("nan")], "my_rewards:function: score nan for answer 1 .* 'abc'"),
        ([float("inf"), 1.0], "my_rewards:function: score inf for answer 0 .* 'ab'"),
        ([1.0, None], "score None for answer 1"),
        (3.0, "returned float, not a list of 2 scores"),
    ],
)
def test_what_is_no_score_is_an_error_that_names_judge_and_answer(judged_by, returned, message):
    with pytest.raises(StageError, match=message):
        judged_by(lambda prompts, completions: returned).score([PROMPT, PROMPT], ["ab", "abc"])


def test_an_error_of_the_function_is_named_and_kept_as_the_cause(judged_by):
    def broken(prompts, completions, **columns):
        return [columns["tone"] for _ in completions]

    with pytest.raises(StageError, match=r"my_rewards:function: raised KeyError: 'tone' .* columns topic") as caught:
        judged_by(broken).score([PROMPT], ["a"], topic=["x"])
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_missing_function_or_module_is_an_error(judged_by):
    judged_by(len)
    with pytest.raises(StageError, match="no function 'other'"):
        open_scorer(Resolved("my_rewards:other", "python", "", name="my_rewards:other"))
    with pytest.raises(StageError, match="No module named 'nowhere_at_all'"):
        open_scorer(Resolved("nowhere_at_all:f", "python", "", name="nowhere_at_all:f"))


def test_no_answers_have_no_scores(judged_by):
    assert judged_by(lambda prompts, completions: 1 / 0).score([], []) == []


def test_tensors_and_arrays_are_scores_too():
    import numpy as np
    import torch

    assert finite_scores("judge", np.array([1, 2]), ["a", "b"]) == [1.0, 2.0]
    assert finite_scores("judge", torch.tensor([0.5]), ["a"]) == [0.5]


def test_columns_that_some_rows_lack_are_none_there():
    assert other_columns([{"prompt": PROMPT, "a": 1}, {"prompt": PROMPT, "b": 2}]) == {"a": [1, None], "b": [None, 2]}
