"""A model that answers: opened, its prompts made, its answers as text that grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.chat.streaming import stream
from pipeline.chat.subject import Subject
from pipeline.data.answers import require_end_token
from pipeline.data.chat import prompt_ids
from pipeline.models.device import on_own_device
from pipeline.models.loading import LONGEST_ANSWER, load_model, load_tokenizer
from pipeline.models.sampling import episode_uniforms
from pipeline.models.text_loss import encode_documents

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend

    from pipeline.data.judge import Message

UNFINISHED = "\ufffd"
"""What a decoder writes for bytes that are no whole character, or not yet."""


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn."""

    max_new_tokens: int
    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_p: float = 1.0


@dataclass(frozen=True)
class Speaker:
    """A model with its tokenizer."""

    name: str
    model: PreTrainedModel
    tokenizer: TokenizersBackend
    chats: bool
    """Whether it was made for conversations; otherwise it continues text."""

    @property
    def context_length(self) -> int:
        """Tokens that it reads at most, the answer's among them."""
        return self.model.config.max_position_embeddings

    @property
    def end_ids(self) -> list[int]:
        """The tokens that end an answer: some models have one for turns and one for texts."""
        named = getattr(self.model.generation_config, "eos_token_id", None)
        more = [] if named is None else named if isinstance(named, list) else [named]
        return more if more and self.tokenizer.eos_token_id is None else [require_end_token(self.tokenizer), *more]

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids after which the answer begins; one that continues text reads the last message alone.

        Raises:
            StageError: if the chat template does not take these messages.
        """
        if not self.chats:
            return encode_documents(self.tokenizer, [messages[-1]["content"]])[0][:-1]
        return prompt_ids(self.tokenizer, messages)

    def answer(self, prompt: Sequence[int], seed: int, index: int, sampling: Sampling) -> Answer:
        """The answer to `prompt`, drawn with the uniforms of (`seed`, `index`), to be iterated."""
        uniforms = episode_uniforms(seed, [index], sampling.max_new_tokens)[0]
        ends = self.end_ids
        tokens = stream(
            self.model, prompt, uniforms, end_ids=ends, temperature=sampling.temperature, top_p=sampling.top_p
        )
        return Answer(self, tokens, ends)


class Answer:
    """An answer while it is written. Iterating gives its text piece by piece, without special tokens."""

    def __init__(self, speaker: Speaker, tokens: Iterator[int], end_ids: Sequence[int]) -> None:
        """`tokens` are drawn as they are asked for."""
        self.speaker = speaker
        self.text = ""
        """What has been given out."""
        self.tokens = 0
        """Tokens drawn, the end token counted."""
        self.ended = False
        """Whether the model ended it itself."""
        self._drawn, self._end_ids = tokens, end_ids

    def __iter__(self) -> Iterator[str]:
        """Pieces of text; together they are the whole. A character is given out once all of its bytes are there."""
        ids: list[int] = []
        for token in self._drawn:
            self.tokens += 1
            if token in self._end_ids:
                self.ended = True
                break
            ids.append(token)
            yield self._grown(self._decoded(ids).rstrip(UNFINISHED))
        yield self._grown(self._decoded(ids))

    def _grown(self, text: str) -> str:
        piece = text[len(self.text) :]
        self.text += piece
        return piece

    def _decoded(self, ids: list[int]) -> str:
        """The text of `ids`; an answer's one leading space belongs to the template, a continuation's to the text."""
        text: Any = self.speaker.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text.removeprefix(" ") if self.speaker.chats else text


def open_speaker(subject: Subject, complete: bool = False) -> Speaker:
    """Open a model on this process's device; with `complete` it continues text, whatever it was made for.

    Raises:
        StageError: if it needs code that is not here.
    """
    if subject.remote_code:
        model, tokenizer = _open_with_its_code(subject)
    else:
        model, tokenizer = load_model(subject.path), load_tokenizer(subject.path)
    chats = bool(tokenizer.chat_template) and not subject.completes and not complete
    return Speaker(subject.name, on_own_device(model), tokenizer, chats)


def _open_with_its_code(subject: Subject) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(subject.path, trust_remote_code=True, dtype="auto")
    return model.eval(), AutoTokenizer.from_pretrained(subject.path, trust_remote_code=True)


def longest_answer(speakers: Sequence[Speaker]) -> int:
    """The tokens of an answer where none are asked for: what all of the speakers have room for."""
    return min(LONGEST_ANSWER, *(speaker.context_length // 2 for speaker in speakers))
