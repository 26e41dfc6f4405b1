from __future__ import annotations

import io
import json

import pytest

from pipeline.chat.batch import answer_each, lines_of
from pipeline.chat.conversation import Conversation
from pipeline.core.errors import DataError
from pipeline.data.answers import sample_answers
from tests.unit.chat.speakers import SAMPLING, said, terminal, tiny_speaker

LINES = b"the mill\n\n  the river \r\nthe rye"


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    return tiny_speaker(tmp_path_factory.mktemp("chat") / "model")


def test_each_line_is_answered_by_itself_as_the_stages_would(speaker):
    screen = terminal()
    answer_each(lines_of(io.BytesIO(LINES), "stdin"), Conversation([speaker], SAMPLING, 5), screen, as_json=True)
    rows = [json.loads(line) for line in said(screen).splitlines()]
    texts = ["the mill", "the river", "the rye"]
    prompts = [[{"role": "user", "content": text}] for text in texts]
    whole = sample_answers(speaker.model, speaker.tokenizer, prompts, seed=5, temperature=1.0, max_new_tokens=12)
    assert [row["prompt"] for row in rows] == texts
    assert [row["completion"] for row in rows] == whole.texts
    assert [row["ended"] for row in rows] == whole.ended
    assert [row["tokens"] for row in rows] == whole.token_counts
    assert all(row["model"] == "model" for row in rows)


def test_two_models_are_two_lines_of_json(speaker):
    screen = terminal()
    answer_each([("--prompt", "the mill")], Conversation([speaker, speaker], SAMPLING, 5), screen, as_json=True)
    first, second = map(json.loads, said(screen).splitlines())
    assert first == second


@pytest.mark.parametrize(
    ("line", "message"),
    [(b"\xff\xfe", "stdin:2: not UTF-8"), (b"mill " * 99, r"stdin:2: \d+ tokens and an answer")],
)
def test_a_line_that_cannot_be_answered_is_named(speaker, line, message):
    with pytest.raises(DataError, match=message):
        answer_each(
            lines_of(io.BytesIO(b"the mill\n" + line), "stdin"), Conversation([speaker], SAMPLING, 5), terminal(), False
        )


@pytest.mark.parametrize("text", ["", "  ", "half \udc80"])
def test_a_prompt_of_nothing_is_an_error(speaker, text):
    with pytest.raises(DataError, match="--prompt: text: "):
        answer_each([("--prompt", text)], Conversation([speaker], SAMPLING, 5), terminal(), False)
