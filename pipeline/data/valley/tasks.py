"""Eight tasks with one right answer each: copy, reverse, last, count, compare, add, lookup, upper.

A fifth of the operands (word tuples, pairs of numbers) is held out by hash: they stand in the test split only, whatever
the task. `chat` uses the same questions and the same split.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from pipeline.data.judge import Message
from pipeline.data.valley.words import NOUNS
from pipeline.data.valley.world import stream

WORDS = NOUNS[:12]
FEWEST_WORDS, MOST_WORDS = 2, 4
HELD_OUT = 5
"""One operand tuple in so many is held out."""
TEST_ROWS = 200
"""The most test rows of one task; add and upper have fewer operands than that."""
TEST_DRAWS = 600
"""Enough to meet all held-out operands of add and upper."""


class Question(NamedTuple):
    """One question."""

    operands: tuple[Any, ...]
    """What is held out, or not."""
    text: str
    answer: str
    choices: int
    """How many answers one who knows the task but guesses would guess among; 0 where that is too many to matter."""


def draw_integer(draws: Random, low: int, high: int) -> int:
    """An integer from `low` to `high`, both included."""
    return low + int(draws.random() * (high - low + 1))


def draw_words(draws: Random, fewest: int = FEWEST_WORDS, most: int = MOST_WORDS) -> tuple[str, ...]:
    """Different words."""
    left = list(WORDS)
    return tuple(left.pop(int(draws.random() * len(left))) for _ in range(draw_integer(draws, fewest, most)))


def ask(task: str, words: Sequence[str], answer: str, choices: int = 0) -> Question:
    """A question about a row of words: `copy dovin tavin`."""
    return Question(tuple(words), f"{task} {' '.join(words)}", answer, choices)


def copy(draws: Random) -> Question:
    """The same words."""
    words = draw_words(draws)
    return ask("copy", words, " ".join(words))


def reverse(draws: Random) -> Question:
    """The same words, the last first."""
    words = draw_words(draws)
    return ask("reverse", words, " ".join(reversed(words)))


def last(draws: Random) -> Question:
    """The last of the words."""
    words = draw_words(draws)
    return ask("last", words, words[-1], choices=len(words))


def count(draws: Random) -> Question:
    """How many words they are."""
    words = draw_words(draws)
    return ask("count", words, str(len(words)), choices=MOST_WORDS - FEWEST_WORDS + 1)


def compare(draws: Random) -> Question:
    """The greater of two different numbers from 10 to 59."""
    first, second = draw_integer(draws, 10, 59), draw_integer(draws, 10, 58)
    second += second >= first
    return Question((first, second), f"compare {first} {second}", str(max(first, second)), choices=2)


def add(draws: Random) -> Question:
    """The sum of two numbers from 0 to 9."""
    first, second = draw_integer(draws, 0, 9), draw_integer(draws, 0, 9)
    return Question((first, second), f"add {first} {second}", str(first + second), choices=19)


def lookup(draws: Random) -> Question:
    """The number beside a word: `lookup dovin 3 tavin 7 get dovin`. The operands are the words."""
    words = draw_words(draws)
    digits = list(range(10))
    values = [digits.pop(int(draws.random() * len(digits))) for _ in words]
    asked = int(draws.random() * len(words))
    pairs = " ".join(f"{word} {value}" for word, value in zip(words, values, strict=True))
    return Question(words, f"lookup {pairs} get {words[asked]}", str(values[asked]), choices=len(words))


def upper(draws: Random) -> Question:
    """One word or two in capitals; only pairs are held out."""
    words = draw_words(draws, 1, 2)
    return ask("upper", words, " ".join(words).upper())


TASKS: Mapping[str, Callable[[Random], Question]] = {
    task.__name__: task for task in (copy, reverse, last, count, compare, add, lookup, upper)
}


def is_held_out(operands: tuple[Any, ...]) -> bool:
    """Whether these operands are kept for testing. A single word never is."""
    return len(operands) > 1 and hashlib.blake2b(f"valley/held_out{operands!r}".encode()).digest()[0] % HELD_OUT == 0


def draw_question(task: str, split: str, draws: Random) -> Question:
    """A question of a task whose operands are in `split` (train or test)."""
    while is_held_out((question := TASKS[task](draws)).operands) != (split == "test"):
        pass
    return question


def train_questions(number: int) -> Iterator[tuple[str, Question]]:
    """Draws for training, every task equally likely: each with its task's name. Some come more than once."""
    draws, names = stream("tasks/train"), list(TASKS)
    for _ in range(number):
        task = names[int(draws.random() * len(names))]
        yield task, draw_question(task, "train", draws)


def test_questions() -> Iterator[tuple[str, Question]]:
    """For each task at most `TEST_ROWS` questions, all different."""
    for task in TASKS:
        draws = stream(f"tasks/test/{task}")
        different = dict.fromkeys(draw_question(task, "test", draws) for _ in range(TEST_DRAWS))
        yield from ((task, question) for question in list(different)[:TEST_ROWS])


class ValleyTasks:
    """The test questions as an evaluation: rows, a checker, and what an answer without understanding would score."""

    name = "valley-tasks"

    def rows(self) -> list[dict[str, Any]]:
        """One row for each question: prompt (messages), answer, group (the task)."""
        return [
            {"prompt": user_says(question.text), "answer": question.answer, "group": task}
            for task, question in test_questions()
        ]

    def correct(self, row: Mapping[str, Any], completion: str) -> bool:
        """Whether the completion is the answer, white space around it aside."""
        return completion.strip() == row["answer"]

    def baselines(self) -> dict[str, float]:
        """For each task, the better of two: guessing among the choices, and always the commonest training answer."""
        trained: dict[str, Counter[str]] = defaultdict(Counter)
        for task, question in train_questions(8000):
            trained[task][question.answer] += 1
        tested: dict[str, list[Question]] = defaultdict(list)
        for task, question in test_questions():
            tested[task].append(question)
        return {task: better_baseline(questions, trained[task]) for task, questions in tested.items()}


def better_baseline(questions: Sequence[Question], trained: Counter[str]) -> float:
    """The expected share of right answers by chance, or by the commonest answer of `trained`, whichever is more."""
    chance = sum(1 / question.choices for question in questions if question.choices) / len(questions)
    commonest = trained.most_common(1)[0][0]
    return max(chance, sum(question.answer == commonest for question in questions) / len(questions))


def user_says(text: str) -> list[Message]:
    """A conversation of one message."""
    return [{"role": "user", "content": text}]
