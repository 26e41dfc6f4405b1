"""The rows of `builtin:pydocs…`: where they come from, that splits are disjoint, that answers can be checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import DataError
from pipeline.data.builtin import CATALOGUE
from pipeline.data.pydocs import rows
from pipeline.data.pydocs.questions import questions
from pipeline.data.pydocs.signatures import read_signature
from pipeline.data.pydocs.sources import definitions, read_definitions
from pipeline.data.pydocs.summaries import summary

CODE = b'''"""What a module says."""
raise SystemExit("this file was run")

class Shape:
    """A shape."""

    @property
    def size(self):
        """Return the size."""

    @size.setter
    def size(self, value):
        """Set the size."""

    def scale(self, factor, /, origin=(0, 0), *others, keep: bool = True, **options):
        """Scale it."""

    @staticmethod
    def unit(side): ...

if True:
    def late(a): ...
'''


def names(found):
    return [row["id"] for row in found]


def read(code=CODE, name="shapes/__init__.py"):
    return {definition.qualified_name: definition for definition in read_definitions(code, Path(name))}


def test_files_are_read_without_being_run():
    found = read()
    assert list(found) == [
        "shapes",
        "shapes.Shape",
        "shapes.Shape.size",
        "shapes.Shape.scale",
        "shapes.Shape.unit",
        "shapes.late",
    ]
    assert found["shapes"].docstring == "What a module says."


def test_the_first_of_two_definitions_counts(tmp_path):
    (tmp_path / "shapes.py").write_bytes(CODE)
    found = {definition.qualified_name: definition for definition in definitions(tmp_path)}
    assert found["shapes.Shape.size"].docstring == "Return the size."


def test_a_signature_is_what_a_caller_writes():
    scale = read()["shapes.Shape.scale"]
    assert scale.header == "shapes.Shape.scale(factor, origin=(0, 0), *others, keep=True, **options)"
    assert scale.signature is not None
    assert scale.signature.named == ("factor", "origin", "keep")
    assert read()["shapes.Shape.unit"].header == "shapes.Shape.unit(side)"


def test_a_folder_without_sources_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        definitions(tmp_path)


def test_documents_are_the_same_each_time_and_named_once():
    first, again = list(rows.documents("train")), list(rows.documents("train"))
    assert first == again
    assert len(set(names(first))) == len(first) > 3000
    assert sum(len(row["text"].encode()) for row in first) > 1_000_000
    assert {row["kind"] for row in first} >= {"module", "class", "function"}


def test_held_out_functions_are_in_no_training_row():
    held_out = set(names(rows.pairs("test"))) | set(names(rows.chat("test"))) | set(names(rows.prompts("test")))
    training = set(names(rows.pairs("train"))) | set(names(rows.chat("train")))
    training |= set(names(rows.prompts("preference"))) | set(names(rows.prompts("ppo")))
    documented = {row["id"].split("(")[0] for row in rows.documents("train")}
    assert not held_out & (training | documented)


def test_prompt_splits_are_disjoint_and_of_functions_without_a_known_answer():
    preference, ppo = set(names(rows.prompts("preference"))), set(names(rows.prompts("ppo")))
    assert not preference & ppo
    assert not (preference | ppo) & set(names(rows.pairs("train")))
    assert min(len(preference), len(ppo)) > 500


@pytest.mark.parametrize("name", ["pydocs-pairs", "pydocs-chat"])
def test_conversations_alternate_and_say_something(name):
    entry = CATALOGUE["data", name]
    for split in entry.splits:
        for row in entry.open(split):
            messages = row["messages"]
            assert [message["role"] for message in messages] == ["user", "assistant"] * (len(messages) // 2)
            assert all(message["content"].strip() == message["content"] != "" for message in messages)


def test_chat_has_exchanges_of_several_turns():
    assert {len(row["messages"]) // 2 for row in rows.chat("train")} == {1, 2, 3}


@pytest.mark.parametrize(
    ("docstring", "line"),
    [
        ("Return\n    the size.\n\nMore.", "Return the size."),
        ("Return the size. " + "And so on " * 20, "Return the size."),
        ("dump(obj) -> None", None),
        (">>> size()\n3", None),
        ("Size", None),
        ("", None),
    ],
)
def test_a_summary_is_the_first_paragraph_or_its_first_sentence(docstring, line):
    assert summary(docstring) == line


def test_questions_are_answered_by_the_signature():
    asked = questions(read()["shapes.Shape.scale"])
    answers = {group: question.answer for group, question in asked.items()}
    assert answers == {
        "name": "scale",
        "module": "shapes",
        "count": "3",
        "star": "yes",
        "first": "factor",
        "last": "keep",
    }
    assert "first" not in questions(read()["shapes.Shape.unit"])


def test_the_task_accepts_its_own_answers_and_no_others():
    task = rows.task()
    asked = task.rows()
    assert all(task.correct(row, row["answer"]) for row in asked)
    assert not any(task.correct(row, f"{row['answer']} or so") for row in asked)
    assert (
        {row["group"] for row in asked} == set(task.baselines()) == {"name", "module", "count", "star", "first", "last"}
    )
    assert all(0 < baseline < 0.7 for baseline in task.baselines().values())


def test_any_beginning_of_the_task_is_balanced():
    groups = [row["group"] for row in rows.task().rows()[:60]]
    assert {groups.count(group) for group in set(groups)} == {10}


def test_bound_arguments_are_those_python_fills_in():
    import ast

    function = ast.parse("def f(self, a, *, b=1): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert read_signature(function, bound=True).text == "a, *, b=1"
    assert read_signature(function, bound=False).positional == ("self", "a")
