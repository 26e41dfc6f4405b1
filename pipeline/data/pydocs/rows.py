"""The rows of `builtin:pydocs…`: documents to pretrain on, signatures with their summaries, exchanges, prompts, a task.

One function in ten is held out by the hash of its qualified name: it is in `test` and nowhere else, documents included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.data.judge import Message
from pipeline.data.pydocs.questions import SignatureTask, exchanges
from pipeline.data.pydocs.sources import Definition, definitions, topics
from pipeline.data.pydocs.summaries import documentable, is_held_out, part_of, summarised


def documents(split: str) -> Iterator[dict[str, Any]]:
    """Docstrings, each under the line that introduces it, and help topics: text, id, source, kind.

    The only split is `train`; the corpus stage sets validation documents aside.
    """
    assert split == "train", split
    for definition in definitions():
        if definition.docstring and not is_held_out(definition):
            yield {
                "text": f"{definition.header}\n\n{definition.docstring}",
                "id": definition.header,
                "source": definition.source,
                "kind": definition.kind,
            }
    for topic, text in topics().items():
        yield {"text": text, "id": f"topic {topic}", "source": "pydoc_data/topics.py", "kind": "topic"}


def pairs(split: str) -> Iterator[dict[str, Any]]:
    """Conversations of one turn: a signature, and the summary line of its docstring. Splits `train` and `test`."""
    for definition, line in summarised():
        if is_held_out(definition) == _is_test(split):
            messages = [*_request(definition), {"role": "assistant", "content": line}]
            yield {"messages": messages, **_columns(definition)}


def chat(split: str) -> Iterator[dict[str, Any]]:
    """Conversations of one to three turns with checkable answers about a signature. Splits `train` and `test`."""
    for exchange in exchanges(held_out=_is_test(split)):
        groups = [question.group for question in exchange.questions]
        yield {"messages": exchange.messages, "groups": groups, **_columns(exchange.definition)}


def prompts(split: str) -> Iterator[dict[str, Any]]:
    """Requests to document a signature, in the disjoint splits `preference`, `ppo` and `test`.

    Public functions without a docstring, so that no answer can have been learned by heart; `test` adds the held-out
    functions that have one, with that as `reference` (empty elsewhere).
    """
    assert split in ("preference", "ppo", "test"), split
    references = {definition.qualified_name: line for definition, line in summarised() if is_held_out(definition)}
    for definition in documentable():
        undocumented = not definition.docstring and not definition.name.startswith("_")
        if _prompt_split(definition) == split and (undocumented or definition.qualified_name in references):
            reference = references.get(definition.qualified_name, "")
            yield {"prompt": _request(definition), "reference": reference, **_columns(definition)}


def task() -> SignatureTask:
    """The questions of `chat` about held-out functions, as a task with a checker."""
    return SignatureTask()


def _is_test(split: str) -> bool:
    assert split in ("train", "test"), split
    return split == "test"


def _prompt_split(definition: Definition) -> str:
    if is_held_out(definition):
        return "test"
    return "preference" if part_of(definition.qualified_name) % 2 else "ppo"


def _request(definition: Definition) -> list[Message]:
    return [{"role": "user", "content": f"Document: {definition.header}"}]


def _columns(definition: Definition) -> dict[str, str]:
    return {"id": definition.qualified_name, "module": definition.module, "name": definition.name}
