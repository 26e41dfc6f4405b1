"""Conversations as token ids: our special tokens and chat template, prompts, and which tokens bear loss.

Works with any tokenizer that has a chat template. Text of a message never becomes a control token, whatever it says.
Reading and checking the rows is `reading`'s work; sampling and training are the callers'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from transformers import TokenizersBackend
from transformers.utils.chat_template_utils import render_jinja_template

from pipeline.core.errors import StageError
from pipeline.data.judge import Message
from pipeline.data.special_tokens import SPECIAL_TOKENS

__all__ = ["CHAT_TEMPLATE", "SPECIAL_TOKENS", "conversation_ids", "prompt_ids", "response_text"]

CHAT_TEMPLATE = """\
{{- '<|begin|>' }}
{%- for message in messages %}
    {%- if message['role'] == 'assistant' %}
        {{- '<|assistant|>' }}
        {%- generation %}{{ ' ' + message['content'] + '<|end|>' }}{% endgeneration %}
    {%- elif message['role'] in ['system', 'user', 'tool'] %}
        {{- '<|' + message['role'] + '|> ' + message['content'] + '<|end|>' }}
    {%- else %}
        {{- raise_exception('unknown role ' + message['role']) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- endif %}
"""
"""One space before every content, so that words are the tokens of running text; the end token belongs to the answer."""

# A noncharacter of Unicode, for use inside a program: it stands in no text that was meant for interchange.
_BREAK = "\ufdd0"


def prompt_ids(tokenizer: TokenizersBackend, messages: Sequence[Message]) -> list[int]:
    """The ids after which the assistant's answer begins."""
    text, _ = _render(tokenizer, messages, prompt=True)
    return [token for piece in _encode(tokenizer, text.split(_BREAK)) for token in piece]


def conversation_ids(tokenizer: TokenizersBackend, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    """The ids of a whole conversation, and a mask that is 1 on the assistant's tokens, end tokens included.

    Each of the assistant's turns is encoded apart from what stands before it, as it is when it is generated.
    """
    text, spans = _marked(tokenizer, messages)
    pieces, roles = [], []
    for start, end, is_answer in _segments(spans, len(text)):
        parts = text[start:end].split(_BREAK)
        pieces += parts
        roles += [is_answer] * len(parts)
    encoded = _encode(tokenizer, pieces)
    mask = [role for role, piece in zip(roles, encoded, strict=True) for _ in piece]
    return [token for piece in encoded for token in piece], mask


def answers_of(tokenizer: TokenizersBackend, messages: Sequence[Message]) -> list[str]:
    """What of a conversation, as the template writes it, bears loss: a text for each of the assistant's turns."""
    text, spans = _marked(tokenizer, messages)
    return [text[start:end].replace(_BREAK, "") for start, end in spans]


def has_marks(template: Any) -> bool:
    """Whether a template marks what the assistant says."""
    return isinstance(template, str) and re.search(r"\{%-?\s*generation\b", template) is not None


def rendered(tokenizer: TokenizersBackend, messages: Sequence[Message]) -> str:
    """A whole conversation as the tokenizer's template writes it.

    Raises:
        StageError: if there is no template, or it refuses the conversation.
    """
    return _render(tokenizer, messages, prompt=False)[0].replace(_BREAK, "")


def response_text(tokenizer: TokenizersBackend, ids: Sequence[int]) -> str:
    """The text of a generated response: up to its end token, without special tokens and the one leading space."""
    ids = list(ids)
    if tokenizer.eos_token_id in ids:
        ids = ids[: ids.index(tokenizer.eos_token_id)]
    text = str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    return text.removeprefix(" ")


def _marked(tokenizer: TokenizersBackend, messages: Sequence[Message]) -> tuple[str, list[tuple[int, int]]]:
    """The conversation by the tokenizer's template, and the places of the assistant's turns with their end tokens."""
    text, spans = _render(tokenizer, messages, prompt=False)
    spans = spans or _spans_by_prefix(tokenizer, messages, text)
    return text, [(start, _end_of_turn(tokenizer, text, start, end)) for start, end in spans]


def _render(
    tokenizer: TokenizersBackend, messages: Sequence[Message], *, prompt: bool
) -> tuple[str, list[tuple[int, int]]]:
    """The conversation by the tokenizer's template, and the places of its generation marks in characters.

    Control tokens in the contents are broken in two by `_BREAK`.
    """
    if not tokenizer.chat_template:
        raise StageError(
            f"the tokenizer of {tokenizer.name_or_path} has no chat template; name one in the stage that trains it "
            "first (adopt: {template: chatml}), or use a model that was tuned for conversations"
        )
    control = _control_tokens(tokenizer)
    chat = [{key: _neutralise(value, control) for key, value in message.items()} for message in messages]
    names: dict[str, Any] = dict(tokenizer.special_tokens_map)
    render: Any = render_jinja_template
    try:
        rendered, spans = render(
            conversations=[chat],
            chat_template=tokenizer.chat_template,
            return_assistant_tokens_mask=not prompt and has_marks(tokenizer.chat_template),
            add_generation_prompt=prompt,
            **names,
        )
    except TemplateError as error:  # of its syntax, or raised by it: many templates refuse system messages
        raise StageError(
            f"the chat template of {tokenizer.name_or_path} refuses a conversation of the roles "
            f"{', '.join(dict.fromkeys(message['role'] for message in messages))}: {error}; change the data, or the "
            "template"
        ) from None
    return rendered[0], spans[0] if spans else []


def _control_tokens(tokenizer: TokenizersBackend) -> re.Pattern[str]:
    """A pattern for every special token, longest first; re keeps the compiled ones."""
    names = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)")


def _neutralise(value: Any, control: re.Pattern[str]) -> Any:
    """A message's text with every control token broken after its first character; other values as they are."""
    if not isinstance(value, str):
        return value
    return control.sub(lambda match: match[0][0] + _BREAK + match[0][1:], value.replace(_BREAK, ""))


def _segments(spans: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int, int]]:
    """The whole text as (start, end, 1 inside a span and 0 between spans)."""
    segments, place = [], 0
    for start, end in spans:
        segments += [(place, start, 0), (start, end, 1)]
        place = end
    return [*segments, (place, length, 0)]


def _spans_by_prefix(tokenizer: TokenizersBackend, messages: Sequence[Message], text: str) -> list[tuple[int, int]]:
    """Where the assistant's turns lie, for a template without generation marks: after the prompt that asks for them."""
    spans = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, _ = _render(tokenizer, messages[:index], prompt=True)
        through, _ = _render(tokenizer, messages[: index + 1], prompt=False)
        if not (text.startswith(through) and through.startswith(before)):
            raise StageError(
                f"the chat template of {tokenizer.name_or_path} writes earlier turns anew at each turn and has no "
                "{% generation %} marks, so the assistant's tokens cannot be told apart"
            )
        spans.append((len(before), len(through)))
    return spans


def _end_of_turn(tokenizer: TokenizersBackend, text: str, start: int, end: int) -> int:
    """Where a turn's end token ends: what a template writes behind it is no part of the answer."""
    end_token: Any = tokenizer.eos_token
    last = text.rfind(end_token, start, end) if end_token else -1
    return end if last < 0 else last + len(end_token)


def _encode(tokenizer: TokenizersBackend, pieces: Sequence[str]) -> list[list[int]]:
    """Each piece's ids. The Rust tokenizer one piece at a time: a batch of short pieces costs five times as much."""
    backend = tokenizer.backend_tokenizer
    # What an earlier call of the tokenizer set stays set, and a token store encodes special tokens as text.
    backend.encode_special_tokens = False
    backend.no_truncation()
    backend.no_padding()
    return [backend.encode(piece, add_special_tokens=False).ids for piece in pieces]
