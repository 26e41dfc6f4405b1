"""A conversation with someone at the keyboard: questions, answers, and the commands that begin with a slash."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.chat.columns import show
from pipeline.chat.conversation import Conversation
from pipeline.chat.terminal import Terminal
from pipeline.core.errors import PipelineError
from pipeline.core.yaml import suggestion
from pipeline.data.messages import check_text

PLACE = "your message"


def converse(conversation: Conversation, terminal: Terminal) -> None:
    """Talk until the user leaves, by /quit, Ctrl-D or Ctrl-C at the prompt."""
    import readline  # noqa: F401  gives `input` its history and its keys

    sys.stdin.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    terminal.note("/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves")
    while True:
        try:
            text = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            terminal.write("\n")
            return
        try:
            if text.startswith("/"):
                said = obey(conversation, text)
                if said is None:
                    return
                terminal.note(said)
            elif text:
                _reply(conversation, text, terminal)
        except PipelineError as error:
            terminal.note(str(error))


def _reply(conversation: Conversation, text: str, terminal: Terminal) -> None:
    answers = conversation.ask(check_text(text, PLACE, "text"), PLACE, terminal.note)
    try:
        show(answers, terminal)
    except KeyboardInterrupt:
        terminal.note("stopped")
    else:
        for answer in answers:
            if not answer.ended:
                terminal.note(f"{answer.speaker.name}: cut after {answer.tokens} tokens")
    conversation.keep(text, answers)


class Command(NamedTuple):
    """What a slash command does."""

    argument: str
    summary: str
    do: Callable[[Conversation, str], str | None]
    """Takes what stands behind the command and returns what to tell the user; None to leave."""


def obey(conversation: Conversation, text: str) -> str | None:
    """Do what a line such as `/seed 3` says; what to tell the user, None to leave."""
    name, _, argument = text.partition(" ")
    if name not in COMMANDS:
        return f"{name}: no such command; {suggestion(name, COMMANDS)}"
    return COMMANDS[name].do(conversation, argument.strip())


def _help(conversation: Conversation, argument: str) -> str:
    lines = [f"  {f'{name} {command.argument}':<14}{command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(lines)


def _reset(conversation: Conversation, argument: str) -> str:
    conversation.reset()
    return "forgotten; the next turn is the first"


def _system(conversation: Conversation, argument: str) -> str:
    conversation.set_system(argument or None)
    return "system text set" if argument else "no system text"


def _seed(conversation: Conversation, argument: str) -> str:
    if not (argument.isascii() and argument.isdigit() and int(argument) < 2**64):
        return f"/seed {argument}: not a whole number from 0; the seed is {conversation.seed}"
    conversation.seed = int(argument)
    return f"seed {argument}"


COMMANDS: Mapping[str, Command] = {
    "/help": Command("", "this list", _help),
    "/reset": Command("", "forget the conversation", _reset),
    "/system": Command("TEXT", "put a system text in front of it; none to take it away", _system),
    "/seed": Command("N", "draw the answers that follow from another seed", _seed),
    "/quit": Command("", "leave; Ctrl-D does too", lambda conversation, argument: None),
}
