"""What has been said, and what of it each model still reads: turns leave from the front, the system text never."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline.chat.speaker import Answer, Sampling, Speaker
from pipeline.core.errors import DataError

if TYPE_CHECKING:
    from pipeline.data.judge import Message

Say = Callable[[str], None]


class Side:
    """One model's side of a conversation: everyone is asked the same, and remembers its own answers."""

    def __init__(self, speaker: Speaker, system: str | None) -> None:
        """Nothing has been said but the system text."""
        self.speaker, self.system = speaker, system
        self.turns: list[tuple[str, str]] = []
        """What the user said and what the model answered."""
        self.left_out = 0
        """Turns that no longer fit."""

    def prompt(self, text: str, max_new_tokens: int, place: str) -> list[int]:
        """The ids of the prompt that `text` ends, with room for the answer.

        Raises:
            DataError: if not even `text` alone leaves that room; `place` says where it stands.
        """
        room = self.speaker.context_length - max_new_tokens
        while len(ids := self.speaker.prompt(self._messages(text))) > room:
            if not self.turns:
                raise DataError(
                    f"{place}: {len(ids)} tokens and an answer of up to {max_new_tokens} do not fit the context of "
                    f"{self.speaker.name}, {self.speaker.context_length}; shorten it or lower --max-new-tokens"
                )
            del self.turns[0]
            self.left_out += 1
        return ids

    def keep(self, text: str, answer: str) -> None:
        """Remember a turn; a model that only continues text, and one that said nothing, has had none."""
        if self.speaker.chats and answer:
            self.turns.append((text, answer))

    def _messages(self, text: str) -> list[Message]:
        messages: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        for said, answered in self.turns:
            messages += [{"role": "user", "content": said}, {"role": "assistant", "content": answered}]
        return [*messages, {"role": "user", "content": text}]


class Conversation:
    """A user and one or two models. Turn `n` of everyone's is drawn with the uniforms of (seed, `n`)."""

    def __init__(self, speakers: Sequence[Speaker], sampling: Sampling, seed: int, system: str | None = None) -> None:
        """Nothing has been said yet."""
        self.speakers, self.sampling, self.seed, self.system = speakers, sampling, seed, system
        self.reset()

    def reset(self) -> None:
        """Forget what was said; seed and system text stay."""
        self.number = 0
        """Of the next turn."""
        self.sides = [Side(speaker, self.system) for speaker in self.speakers]

    def set_system(self, text: str | None) -> None:
        """Put another system text in front of what was said."""
        self.system = text
        for side in self.sides:
            side.system = text

    def ask(self, text: str, place: str, say: Say) -> list[Answer]:
        """An answer of each speaker, still to be iterated. `say` is told, once, of turns that no longer fit.

        Raises:
            DataError: if `text`, which stands at `place`, does not fit; nothing has been asked then.
        """
        fitted = [side.left_out for side in self.sides]
        prompts = [side.prompt(text, self.sampling.max_new_tokens, place) for side in self.sides]
        for side, before in zip(self.sides, fitted, strict=True):
            if side.left_out and not before:
                context = side.speaker.context_length
                say(f"{side.speaker.name}: its context of {context} tokens is full; the earliest turns are left out")
        number, self.number = self.number, self.number + 1
        return [
            side.speaker.answer(prompt, self.seed, number, self.sampling)
            for side, prompt in zip(self.sides, prompts, strict=True)
        ]

    def keep(self, text: str, answers: Sequence[Answer]) -> None:
        """Remember what was asked and what has been answered so far."""
        for side, answer in zip(self.sides, answers, strict=True):
            side.keep(text, answer.text)
