import itertools
import re
from collections import Counter

import pytest

from pipeline.data.valley import rows, tasks
from pipeline.data.valley.tasks import TASKS, WORDS, is_held_out
from pipeline.data.valley.world import stream


@pytest.fixture(scope="module")
def trained():
    return list(rows.tasks("train"))


@pytest.fixture(scope="module")
def tested():
    return list(rows.tasks("test"))


def operands(text: str) -> tuple[str, ...]:
    """The words of a question, or its numbers if it has no word."""
    said = [word for word in text.split() if word in WORDS]
    if " get " in text:
        said.pop()
    return tuple(said or re.findall(r"\d+", text))


def asked(row) -> str:
    return row["messages"][0]["content"]


def test_operands_of_the_test_never_occur_in_training(trained, tested):
    held_out = {operands(asked(row)) for row in tested}
    assert not held_out & {operands(asked(row)) for row in trained}


def test_operands_of_the_test_never_occur_in_training_conversations(tested):
    held_out = {operands(asked(row)) for row in tested}
    messages = [message for row in rows.chat("train") for message in row["messages"]]
    said = [message["content"].split() for message in messages if message["role"] == "user"]
    assert not held_out & {operands(" ".join(words)) for words in said if words[0] in TASKS}


def test_about_a_fifth_is_held_out():
    pairs = list(itertools.product(range(10), range(10)))
    words = list(itertools.permutations(WORDS, 3))
    assert 0.15 < sum(map(is_held_out, pairs)) / len(pairs) < 0.25
    assert 0.18 < sum(map(is_held_out, words)) / len(words) < 0.22


def test_single_words_are_never_held_out():
    assert not any(is_held_out((word,)) for word in WORDS)


def test_every_task_is_trained_alike_and_tested(trained, tested):
    counts = Counter(row["task"] for row in trained)
    assert len(trained) == rows.TASK_ROWS
    assert set(counts) == set(TASKS) == {row["task"] for row in tested}
    assert max(counts.values()) < 1.1 * min(counts.values())


def test_test_questions_are_all_different_and_enough(tested):
    assert len({asked(row) for row in tested}) == len(tested)
    counts = Counter(row["task"] for row in tested)
    assert counts.pop("add") >= 15
    assert counts.pop("upper") >= 20
    assert set(counts.values()) == {tasks.TEST_ROWS}


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_right(task):
    draws = stream("tests/answers")
    for _ in range(200):
        question = TASKS[task](draws)
        assert solve(question.text) == question.answer


def solve(text: str) -> str:
    """The answer, worked out again from the words of the question."""
    task, *words = text.split()
    match task:
        case "copy":
            return " ".join(words)
        case "reverse":
            return " ".join(words[::-1])
        case "last":
            return words[-1]
        case "count":
            return str(len(words))
        case "compare":
            return max(words)
        case "add":
            return str(int(words[0]) + int(words[1]))
        case "lookup":
            return words[words.index(words[-1]) + 1]
        case "upper":
            return text.removeprefix("upper ").upper()
        case _:
            raise AssertionError(text)


def test_the_checker_accepts_the_answer_and_nothing_else():
    task = rows.task()
    for row in task.rows():
        assert task.correct(row, row["answer"])
        assert task.correct(row, row["answer"] + "\n")
        assert not task.correct(row, row["answer"] + " " + row["answer"])
        assert not task.correct(row, "")


def test_baselines_are_the_better_of_chance_and_majority():
    found = rows.task().baselines()
    assert set(found) == {row["group"] for row in rows.task().rows()}
    assert found["copy"] == found["reverse"] == 0
    assert found["compare"] == pytest.approx(0.5)
    assert found["count"] >= 1 / 3
    assert 0.25 < found["last"] < 0.5
    assert 0.25 < found["lookup"] < 0.5
    assert 0.05 <= found["add"] < 0.3


def test_majority_counts_when_it_is_better_than_chance():
    questions = [tasks.Question((1, 2), "q", answer, 4) for answer in ("3", "3", "3", "5")]
    assert tasks.better_baseline(questions, Counter({"3": 2, "5": 1})) == 0.75
    assert tasks.better_baseline(questions, Counter({"9": 2})) == 0.25
