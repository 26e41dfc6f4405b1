"""`gristmill chat`: talk to a model, or to two of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json
from pipeline.cli.quiet import quiet_libraries
from pipeline.core.errors import RunError
from pipeline.stages import stage_table

if TYPE_CHECKING:
    from pipeline.chat.conversation import Conversation
    from pipeline.chat.speaker import Speaker
    from pipeline.chat.subject import Subject
    from pipeline.chat.terminal import Terminal


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number to sample with")
    return value


def chat(
    model: Annotated[str, typer.Argument(metavar="RUN|FOLDER|hf://ORG/NAME", help="What to talk to.")],
    stage: Annotated[str | None, typer.Option(help="A stage of the run; its last model when left out.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="STAGE|FOLDER", help="A second model, which answers beside the first.")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="A system text.")] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="Answer this and leave.")] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Continue the text instead of answering it.")] = False,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of an answer at most; half of the context, 256 at most.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0, callback=_finite, help="0 takes the likeliest token each time.")
    ] = 1.0,
    top_p: Annotated[
        float, typer.Option(min=0, max=1, callback=_finite, help="Draw from the likeliest tokens of this probability.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="What the answers are drawn from.")] = 0,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with hf://ORG/NAME@COMMIT.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Talk to a model of a run, of a folder or of the Hub; /help lists what can be said.

    What is piped in is answered line by line, each line by itself, and so is --prompt.

    The seed alone decides: turn n is drawn with the n-th stream of uniforms, by the inverse of the distribution
    function. With --against both models get the same uniforms, so where they give the same probabilities they say
    the same, and a difference in what they say is theirs.

    Examples:
      gristmill chat runs/tiny
      gristmill chat runs/tiny --stage sft --against ppo --temperature 0
      echo "Tell me about the sea." | gristmill chat runs/tiny/instruct --json
    """
    quiet_libraries()
    with user_errors():
        subjects = _subjects(model, stage, against, trust_remote_code)
        from pipeline.chat.conversation import Conversation
        from pipeline.chat.speaker import Sampling, longest_answer, open_speaker
        from pipeline.chat.terminal import Terminal
        from pipeline.data.messages import check_text

        if system is not None:
            check_text(system, "--system", "text")
        terminal = Terminal.of_process()
        speakers = [open_speaker(subject, complete) for subject in subjects]
        sampling = Sampling(max_new_tokens or longest_answer(speakers), temperature, top_p)
        conversation = Conversation(speakers, sampling, seed, system)
        _introduce(speakers, subjects, terminal)
        _talk(conversation, terminal, prompt, as_json)


def _subjects(model: str, stage: str | None, against: str | None, trust_remote_code: bool) -> list[Subject]:
    from pipeline.chat.subject import find_subject

    if trust_remote_code and not f"{model} {against}".count("hf://"):
        raise RunError("--trust-remote-code stands only beside hf://ORG/NAME@COMMIT; nothing here is on the Hub")
    outputs = {kind: entry.output for kind, entry in stage_table().items()}
    found = [find_subject(model, outputs, stage=stage, trust_remote_code=trust_remote_code)]
    if against is not None:
        found.append(find_subject(against, outputs, run=found[0].run, trust_remote_code=trust_remote_code))
    return found


def _introduce(speakers: Sequence[Speaker], subjects: Sequence[Subject], terminal: Terminal) -> None:
    """Say what was opened, to someone at the keyboard; what does not chat is said to everyone."""
    for speaker, subject in zip(speakers, subjects, strict=True):
        if sys.stdin.isatty():
            parameters = sum(weights.numel() for weights in speaker.model.parameters())
            place = "" if str(subject.path) == speaker.name else f" ({subject.path})"
            terminal.note(f"{speaker.name}{place}: {parameters:,} parameters, context {speaker.context_length}")
        if not speaker.chats:
            terminal.note(f"{speaker.name} was not tuned for conversations: it continues each text by itself")


def _talk(conversation: Conversation, terminal: Terminal, prompt: str | None, as_json: bool) -> None:
    from pipeline.chat.batch import answer_each, lines_of
    from pipeline.chat.session import converse

    if prompt is not None:
        answer_each([("--prompt", prompt)], conversation, terminal, as_json)
    elif as_json or not sys.stdin.isatty():
        answer_each(lines_of(sys.stdin.buffer, "stdin"), conversation, terminal, as_json)
    else:
        converse(conversation, terminal)
