"""Questions about a signature whose answers can be checked, exchanges made of them, and the task that asks them."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.data.judge import Message
from pipeline.data.pydocs.sources import Definition
from pipeline.data.pydocs.summaries import documentable, is_held_out

ROWS_PER_GROUP = 100
"""Questions of each group in the task, at most: a standard error of .05."""


@dataclass(frozen=True)
class Question:
    """One question about one function."""

    group: str
    text: str
    answer: str
    candidates: tuple[str, ...]
    """What someone might answer who sees what kind of thing is asked for, and picks blindly."""


def questions(definition: Definition) -> dict[str, Question]:
    """What can be asked about a function, by group; the arguments are asked for only when there is a choice."""
    signature = definition.signature
    assert signature is not None, definition
    parts = tuple(definition.qualified_name.split("."))
    prefixes = tuple(".".join(parts[:length]) for length in range(1, len(parts)))
    named = signature.named
    several = "yes" if signature.variable else "no"
    asked = [
        Question("name", "what is the function called?", definition.name, parts),
        Question("module", "which module is it in?", definition.module, prefixes),
        Question("count", "how many arguments does it name?", str(len(named)), tuple("012345")),
        Question("star", "does it take any number of arguments?", several, ("yes", "no")),
    ]
    if len(named) > 1:
        asked.append(Question("first", "what is its first argument?", named[0], named))
        asked.append(Question("last", "what is its last argument?", named[-1], named))
    return {question.group: question for question in asked}


@dataclass(frozen=True)
class Exchange:
    """One to three questions about one function, each with its answer."""

    definition: Definition
    questions: tuple[Question, ...]

    @property
    def messages(self) -> list[Message]:
        """The whole conversation; the first question carries the signature."""
        turns: list[Message] = []
        for question in self.questions:
            text = question.text if turns else f"About {self.definition.header}: {question.text}"
            turns.append({"role": "user", "content": text})
            turns.append({"role": "assistant", "content": question.answer})
        return turns


@functools.cache
def exchanges(held_out: bool) -> tuple[Exchange, ...]:
    """An exchange about every function with a short signature that is, or is not, held out."""
    functions = [definition for definition in documentable() if is_held_out(definition) == held_out]
    share_with_star = sum(_takes_any_number(definition) for definition in functions) / len(functions)
    return tuple(_exchange(definition, share_with_star) for definition in functions)


def _takes_any_number(definition: Definition) -> bool:
    return definition.signature is not None and definition.signature.variable is not None


def _exchange(definition: Definition, share_with_star: float) -> Exchange:
    """The questions are drawn by the function's name alone, so they are the same on every machine."""
    draw = random.Random(definition.qualified_name)
    available = questions(definition)
    star = available.pop("star")
    # Few functions take any number of arguments: ask about all of these, and about as many others.
    if _takes_any_number(definition) or draw.random() < share_with_star:
        return Exchange(definition, (*_drawn(draw, available, draw.randint(0, 2)), star))
    return Exchange(definition, _drawn(draw, available, draw.randint(1, 3)))


def _drawn(draw: random.Random, available: dict[str, Question], count: int) -> tuple[Question, ...]:
    return tuple(available[group] for group in draw.sample(sorted(available), count))


class SignatureTask:
    """The last question of each held-out exchange, to be answered after the earlier ones: exact match, by group."""

    name = "pydocs-chat"

    def rows(self) -> list[dict[str, Any]]:
        """`prompt` (messages), `answer` and `group`; the groups take turns, so that any beginning is balanced."""
        return [
            {"prompt": exchange.messages[:-1], "answer": exchange.questions[-1].answer, "group": group}
            for group, exchange in _balanced()
        ]

    def correct(self, row: dict[str, Any], completion: str) -> bool:
        """Whether the completion is the answer and nothing else; a full stop at the end is forgiven."""
        return completion.strip().removesuffix(".") == row["answer"]

    def baselines(self) -> dict[str, float]:
        """By group, the better of picking blindly among the candidates and of always giving the commonest answer."""
        return {group: max(_blind(asked), _majority(asked)) for group, asked in _by_group().items()}


def _blind(asked: list[Question]) -> float:
    return sum(1 / len(question.candidates) for question in asked) / len(asked)


def _majority(asked: list[Question]) -> float:
    return Counter(question.answer for question in asked).most_common(1)[0][1] / len(asked)


def _by_group() -> dict[str, list[Question]]:
    groups: dict[str, list[Question]] = {}
    for group, exchange in _balanced():
        groups.setdefault(group, []).append(exchange.questions[-1])
    return groups


def _balanced() -> Iterator[tuple[str, Exchange]]:
    """Held-out exchanges, group by group in turn, until each has given `ROWS_PER_GROUP` or all that it has."""
    groups: dict[str, list[Exchange]] = {}
    for exchange in exchanges(held_out=True):
        groups.setdefault(exchange.questions[-1].group, []).append(exchange)
    for index in range(ROWS_PER_GROUP):
        for group in sorted(groups):
            if index < len(groups[group]):
                yield group, groups[group][index]
