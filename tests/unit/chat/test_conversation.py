from __future__ import annotations

import pytest

from pipeline.chat.conversation import Conversation
from pipeline.chat.speaker import Sampling
from pipeline.core.errors import DataError
from tests.unit.chat.speakers import SAMPLING, tiny_speaker


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    return tiny_speaker(tmp_path_factory.mktemp("chat") / "model")


def turn(conversation: Conversation, text: str, notes: list[str] | None = None) -> list[str]:
    answers = conversation.ask(text, "here", (notes if notes is not None else []).append)
    spoken = ["".join(answer) for answer in answers]
    conversation.keep(text, answers)
    return spoken


def test_the_same_seed_says_the_same_and_another_seed_does_not(speaker):
    def talk(seed: int) -> list[list[str]]:
        conversation = Conversation([speaker], SAMPLING, seed)
        return [turn(conversation, "the mill"), turn(conversation, "the mill")]

    assert talk(1) == talk(1) != talk(2)
    assert talk(1)[0] != talk(1)[1]


def test_two_sides_are_drawn_with_the_same_uniforms(speaker):
    conversation = Conversation([speaker, speaker], SAMPLING, 1)
    for _ in range(2):
        left, right = turn(conversation, "the mill")
        assert left == right


def test_each_side_remembers_its_own_answers(speaker, tmp_path):
    other = tiny_speaker(tmp_path / "other", seed=1)
    conversation = Conversation([speaker, other], SAMPLING, 1)
    left, right = turn(conversation, "the mill")
    assert left != right
    assert [side.turns for side in conversation.sides] == [[("the mill", left)], [("the mill", right)]]


def test_whole_turns_leave_from_the_front_and_the_system_text_never(speaker):
    conversation, notes = Conversation([speaker], SAMPLING, 1, system="the rye"), []
    for number in range(6):
        turn(conversation, f"the mill {number}", notes)
    (side,) = conversation.sides
    assert side.left_out > 1
    assert [said for said, _ in side.turns] == [f"the mill {n}" for n in range(side.left_out, 6)]
    ids = side.prompt("the river", 12, "here")
    text = speaker.tokenizer.decode(ids)
    assert text.startswith("<|begin|><|system|> the rye<|end|><|user|> the mill")
    assert text.endswith("<|user|> the river<|end|><|assistant|>")
    assert len(ids) + 12 <= 64
    assert notes == ["model: its context of 64 tokens is full; the earliest turns are left out"]


def test_a_text_that_does_not_fit_alone_is_refused_and_nothing_is_lost(speaker):
    conversation = Conversation([speaker], SAMPLING, 1)
    turn(conversation, "the mill")
    with pytest.raises(
        DataError, match=r"here: \d+ tokens and an answer of up to 12 do not fit the context of model, 64"
    ):
        conversation.ask("the mill " * 60, "here", print)
    assert conversation.number == 1


def test_reset_forgets_and_keeps_the_system_text(speaker):
    conversation = Conversation([speaker], SAMPLING, 1, system="the rye")
    first = turn(conversation, "the mill")
    turn(conversation, "the river")
    conversation.reset()
    assert turn(conversation, "the mill") == first
    conversation.set_system(None)
    conversation.reset()
    assert turn(conversation, "the mill") != first


def test_what_continues_text_remembers_nothing(tmp_path):
    conversation = Conversation([tiny_speaker(tmp_path / "base", completes=True)], Sampling(12, temperature=0), 1)
    assert turn(conversation, "the mill") == turn(conversation, "the mill")
    assert conversation.sides[0].turns == []
