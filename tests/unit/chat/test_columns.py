from __future__ import annotations

import random

import pytest

from pipeline.chat.columns import BETWEEN, cells, show, wrapped
from tests.unit.chat.speakers import Words, said, terminal

LETTERS = [*"abcdé中 \u0301", " ", " ", "\n", "👩"]


def texts(count: int = 200):
    draws = random.Random(3)
    for _ in range(count):
        yield "".join(draws.choice(LETTERS) for _ in range(draws.randrange(60)))


def test_more_text_changes_the_last_line_only_and_can_be_wrapped_with_it_alone():
    for text in texts():
        whole = wrapped(text, 9)
        for length in range(len(text)):
            *full, last = wrapped(text[:length], 9)
            assert full + wrapped(last + text[length:], 9) == whole


def test_no_line_is_wider_than_its_column_and_no_letter_is_lost():
    for text in texts():
        lines = wrapped(text, 9)
        assert max(map(cells, lines)) <= 9
        assert "".join("".join(lines).split()) == "".join(text.split())


def test_lines_break_between_words_and_keep_their_indent():
    assert wrapped("the miller grinds the rye\n  for x in y\n", 12) == [
        "the miller",
        "grinds the",
        "rye",
        "  for x in y",
        "",
    ]


def rows(screen) -> list[tuple[str, str]]:
    lines = [line.split(BETWEEN.rstrip()) for line in said(screen).splitlines()]
    return [(left.rstrip(), right.strip()) for left, right in lines]


def test_two_answers_stand_beside_each_other_within_80_columns():
    left, right = "One noka lives in Tolmar. " * 5, "Many nokas live\nin Tolmar."
    screen = terminal(80)
    show([Words("sft", list(left)), Words("ppo", list(right))], screen)
    assert all(len(line) <= 80 for line in said(screen).splitlines())
    shown = rows(screen)
    assert shown[0] == ("sft", "ppo")
    assert " ".join(row[0] for row in shown[1:]).split() == left.split()
    assert [row[1] for row in shown[1:3]] == ["Many nokas live", "in Tolmar."]


@pytest.mark.parametrize("width", [80, 81, 120, 200])
def test_columns_take_the_width_there_is(width):
    screen = terminal(width)
    show([Words("sft", list("word " * 200)), Words("ppo", list("word " * 200))], screen)
    widest = max(len(line) for line in said(screen).splitlines())
    assert width - 12 < widest <= width


def test_a_narrow_terminal_has_one_answer_after_the_other():
    screen = terminal(79)
    show([Words("sft", ["One ", "noka."]), Words("ppo", ["Many."])], screen)
    assert said(screen) == "sft\nOne noka.\nppo\nMany.\n"


def test_a_live_terminal_ends_with_the_rows_that_a_pipe_gets():
    """What is written over is one line at a time: carriage return, the line, erase to its end."""
    for left, right in zip(texts(20), texts(20), strict=True):
        words = [list(left), list(reversed(right))]
        pipe, live = terminal(80), terminal(80, live=True)
        show([Words("a", words[0]), Words("b", words[1])], pipe)
        show([Words("a", words[0]), Words("b", words[1])], live)
        final = [line.split("\r")[-1].removeprefix("\x1b[K") for line in said(live).split("\n")]
        assert final == said(pipe).split("\n")


@pytest.mark.parametrize("live", [False, True])
def test_what_was_written_before_an_interrupt_is_shown(live):
    screen = terminal(80, live)
    with pytest.raises(KeyboardInterrupt):
        show([Words("sft", ["One ", "noka ", "lives"]), Words("ppo", ["Many ", "nokas ", None])], screen)
    assert said(screen).split("\r")[-1].removeprefix("\x1b[K").splitlines()[-1].split() == [
        "One",
        "noka",
        "lives",
        "|",
        "Many",
        "nokas",
    ]
    assert said(screen).endswith("\n")
