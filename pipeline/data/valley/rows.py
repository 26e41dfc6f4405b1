"""The data sets `builtin:valley…`, row by row. Every stream is the same each time it is read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pipeline.data.judge import Message
from pipeline.data.surprisal import SURPRISAL, TEXT_DIGEST, text_digest
from pipeline.data.valley.chat import sample_conversation
from pipeline.data.valley.documents import sample_document
from pipeline.data.valley.pages import sample_pages
from pipeline.data.valley.requests import Request, sample_answer
from pipeline.data.valley.requests import requests as requests_of
from pipeline.data.valley.tasks import ValleyTasks, test_questions, train_questions, user_says
from pipeline.data.valley.world import stream

Row = dict[str, Any]

DOCUMENTS = 20_000
TASK_ROWS = 40_000
REQUEST_ROWS = {"train": 6_000, "test": 500}
CHAT_ROWS = {"train": 6_000, "test": 300}


def documents(split: str = "train", count: int = DOCUMENTS) -> Iterator[Row]:
    """Documents with their exact surprisal in nats, the end included. More of them begin with the same ones."""
    draws = stream(f"documents/{split}")
    for number in range(count):
        text, surprisal = sample_document(draws)
        yield {"id": f"valley-{number:06}", "text": text, "surprisal": surprisal}


def pages(split: str = "train") -> Iterator[Row]:
    """Web pages, with what was planted in each and which page it copies. None of them is one of `documents`."""
    for number, page in enumerate(sample_pages(stream(f"pages/{split}"))):
        original = None if page.copy_of is None else page_id(page.copy_of)
        row = {"html": page.html, "planted": page.planted, "copy_of": original}
        truth = {SURPRISAL: page.surprisal, TEXT_DIGEST: text_digest(page.text)}
        yield {"id": page_id(number), **row, **truth}


def page_id(number: int) -> str:
    """The id of a page."""
    return f"valley-web-{number:04}"


def requests(split: str = "train", count: int | None = None) -> Iterator[Row]:
    """Requests with an answer. Each request of the prompts' split (sft, or test) comes equally often."""
    draws, asked = stream(f"requests/{split}"), requests_of("sft" if split == "train" else "test")
    for number in range(count or REQUEST_ROWS[split]):
        request = asked[number % len(asked)]
        messages = exchange(request.text, sample_answer(request, draws))
        yield {"id": f"valley-requests-{split}-{number:05}", "messages": messages, **asked_columns(request)}


def prompts(split: str = "sft") -> Iterator[Row]:
    """The requests of a split, each once, without an answer."""
    for number, request in enumerate(requests_of(split)):
        row = {"prompt": user_says(request.text), **asked_columns(request)}
        yield {"id": f"valley-prompts-{split}-{number:04}", **row}


def asked_columns(request: Request) -> Row:
    """What the judge must know of a request."""
    return {"topic": request.topic, "form": request.form, "opener": request.opener}


def tasks(split: str = "train", count: int | None = None) -> Iterator[Row]:
    """Tasks with their answer; of the test split there are no more than there are."""
    asked = train_questions(count or TASK_ROWS) if split == "train" else islice(test_questions(), count)
    for number, (name, question) in enumerate(asked):
        row = {"messages": exchange(question.text, question.answer), "task": name, "answer": question.answer}
        yield {"id": f"valley-tasks-{split}-{number:05}", **row}


def task() -> ValleyTasks:
    """The test split of `tasks` as an evaluation."""
    return ValleyTasks()


def chat(split: str = "train", count: int | None = None) -> Iterator[Row]:
    """Conversations of two or three exchanges."""
    draws = stream(f"chat/{split}")
    for number in range(count or CHAT_ROWS[split]):
        yield {"id": f"valley-chat-{split}-{number:05}", "messages": sample_conversation(split, draws)}


def exchange(question: str, answer: str) -> list[Message]:
    """A question and its answer as messages."""
    return [*user_says(question), {"role": "assistant", "content": answer}]
