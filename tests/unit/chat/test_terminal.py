from __future__ import annotations

import io
import sys
import unicodedata

from pipeline.chat.columns import show
from pipeline.chat.terminal import Terminal, harmless
from tests.unit.chat.speakers import Words, said, terminal

ATTACK = "\x1b]0;title\x07 \x1b[2J\x9b31m \r\x08 a\u202eb \x7f"


def test_no_character_that_drives_a_terminal_is_left():
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    left = [character for character in harmless(every) if unicodedata.category(character) in ("Cc", "Zl", "Zp")]
    assert sorted(set(left)) == ["\t", "\n"]
    assert not set(harmless(every)) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def test_driving_characters_are_written_out_and_text_stays():
    assert harmless(ATTACK).startswith(r"\x1b]0;title\x07 \x1b[2J\x9b31m \r\x08")
    text = "fené\n\tمرحبا 👩\u200d👩\u200d👧 中文 e\u0301"
    assert harmless(text) == text


def test_a_model_cannot_drive_the_terminal_in_one_column_or_in_two():
    for count, width in ((1, 80), (2, 80), (2, 40)):
        for live in (False, True):
            screen = terminal(width, live)
            show([Words("a", list(ATTACK)) for _ in range(count)], screen)
            ours = said(screen).replace("\x1b[K", "").replace("\r", "") if live else said(screen)
            assert not set(ours) & set("\x1b\x07\x08\x9b\u202e\x7f\r")
            assert r"\x1b[2J" in ours


def test_colours_only_on_a_terminal_and_never_with_no_color(monkeypatch):
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not Terminal.of_process().coloured
    monkeypatch.setattr(sys, "stdout", Tty())
    assert Terminal.of_process().coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert Terminal.of_process().live
    assert not Terminal.of_process().coloured
    monkeypatch.setenv("TERM", "dumb")
    assert not Terminal.of_process().live
