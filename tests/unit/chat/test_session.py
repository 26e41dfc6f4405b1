from __future__ import annotations

import sys

import pytest

from pipeline.chat import session
from pipeline.chat.conversation import Conversation
from pipeline.chat.session import COMMANDS, converse, obey
from tests.unit.chat.speakers import SAMPLING, Words, noted, said, terminal, tiny_speaker


@pytest.fixture
def conversation(tmp_path):
    return Conversation([tiny_speaker(tmp_path / "model")], SAMPLING, 1)


@pytest.fixture
def typed(monkeypatch):
    """Have `input` give these lines; None is Ctrl-C, and after the last comes Ctrl-D."""

    def type_lines(*lines: str | None) -> None:
        left = iter(lines)

        def read(prompt: str) -> str:
            line = next(left, "")
            if line == "":
                raise EOFError
            if line is None:
                raise KeyboardInterrupt
            return line

        monkeypatch.setattr("builtins.input", read)
        monkeypatch.setattr(sys.stdin, "reconfigure", lambda **options: None, raising=False)

    return type_lines


@pytest.mark.parametrize("leaving", ["/quit", None, ""])
def test_quit_ctrl_c_and_ctrl_d_leave(conversation, typed, leaving):
    typed(leaving, "the mill")
    converse(conversation, terminal())
    assert conversation.number == 0


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(conversation, typed, monkeypatch):
    monkeypatch.setattr(conversation, "ask", lambda text, place, say: [Words("model", ["The ", "rye ", None, "more"])])
    typed("the mill", "the river")
    screen = terminal()
    converse(conversation, screen)
    assert said(screen) == "The rye \nThe rye \n\n"
    assert noted(screen).count("stopped") == 2
    assert conversation.sides[0].turns == [("the mill", "The rye "), ("the river", "The rye ")]


def test_an_answer_that_did_not_end_is_said_to_be_cut(conversation, typed):
    typed("the mill")
    screen = terminal()
    converse(conversation, screen)
    assert "model: cut after 12 tokens" in noted(screen)


def test_a_mistake_is_told_and_the_conversation_goes_on(conversation, typed):
    typed("the mill " * 60, "the mill")
    screen = terminal()
    converse(conversation, screen)
    assert "your message: " in noted(screen)
    assert "do not fit" in noted(screen)
    assert conversation.number == 1


def test_commands_do_what_help_says(conversation):
    listing = obey(conversation, "/help") or ""
    assert all(name in listing for name in COMMANDS)
    assert max(map(len, listing.splitlines())) <= 80
    obey(conversation, "/seed 12")
    assert conversation.seed == 12
    obey(conversation, "/system be brief")
    assert conversation.system == conversation.sides[0].system == "be brief"
    obey(conversation, "/system")
    assert conversation.sides[0].system is None
    conversation.number = 4
    obey(conversation, "/reset")
    assert conversation.number == 0
    assert obey(conversation, "/quit") is None


@pytest.mark.parametrize("text", ["/seed", "/seed -1", "/seed x", "/seed 1.5", f"/seed {2**64}", "/seed ²"])
def test_a_seed_that_is_none_changes_nothing(conversation, text):
    assert "not a whole number" in (obey(conversation, text) or "")
    assert conversation.seed == 1


def test_a_misspelt_command_is_met_with_the_nearest(conversation):
    assert obey(conversation, "/rest") == "/rest: no such command; did you mean '/reset'?"


def test_the_slash_table_is_what_the_session_reads():
    assert session.COMMANDS["/quit"].do(None, "") is None
