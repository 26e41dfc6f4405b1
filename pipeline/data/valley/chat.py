"""Conversations of two or three exchanges: requests, tasks, and follow-ups that need the turn before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from pipeline.data.judge import Message
from pipeline.data.valley.requests import requests, sample_answer
from pipeline.data.valley.tasks import TASKS, draw_question, draw_words, is_held_out

MOST_WORDS = 20
"""Of an answer to a request: conversations are to be short."""

Exchange = tuple[str, str]
"""What the user says, and the answer."""

FOLLOW_UPS: Mapping[str, Callable[[tuple[str, ...]], str]] = {
    "reverse that": lambda words: " ".join(reversed(words)),
    "last of that": lambda words: words[-1],
    "count that": lambda words: str(len(words)),
    "copy that": lambda words: " ".join(words),
}
"""What may be asked about the words of the answer before, and its answer."""


def request_and_topic(split: str, draws: Random) -> list[Exchange]:
    """A request, then what the answer was about."""
    choices = requests("sft" if split == "train" else "test")
    request = choices[int(draws.random() * len(choices))]
    answer = sample_answer(request, draws, MOST_WORDS)
    return [(request.text, answer), ("topic of that", f"the {request.topic}")]


def words_and_follow_up(split: str, draws: Random) -> list[Exchange]:
    """A row of words copied, then something asked about it."""
    while is_held_out(words := draw_words(draws)) != (split == "test"):
        pass
    follow_up = list(FOLLOW_UPS)[int(draws.random() * len(FOLLOW_UPS))]
    return [(f"copy {' '.join(words)}", " ".join(words)), (follow_up, FOLLOW_UPS[follow_up](words))]


def one_task(split: str, draws: Random) -> list[Exchange]:
    """One of the tasks."""
    question = draw_question(list(TASKS)[int(draws.random() * len(TASKS))], split, draws)
    return [(question.text, question.answer)]


def sample_conversation(split: str, draws: Random) -> list[Message]:
    """Two exchanges that belong together, or two tasks; every other time a task more, before or after."""
    kind = draws.random()
    if kind < 0.5:
        exchanges = request_and_topic(split, draws)
    elif kind < 0.8:
        exchanges = words_and_follow_up(split, draws)
    else:
        exchanges = one_task(split, draws) + one_task(split, draws)
    place = draws.random()
    if place < 0.5:
        more = one_task(split, draws)
        exchanges = more + exchanges if place < 0.25 else exchanges + more
    return [
        {"role": role, "content": content}
        for exchange in exchanges
        for role, content in zip(("user", "assistant"), exchange, strict=True)
    ]
