"""How answers hang together with their prompts: as a chat template writes them, and as a model predicts them.

Needs no judge: the rows' own answers are looked at, not sampled ones. What a figure means for the model is left to
`trial_checks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.data.chat import conversation_ids, prompt_ids
from pipeline.data.estimates import mean
from pipeline.models.log_probs import answer_log_probs

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend


@dataclass(frozen=True)
class Taught:
    """The last answer of a conversation, as training sees it."""

    asked: list[int]
    """The ids after which the template lets a model answer."""
    before: list[int]
    """The ids before the answer in the whole conversation."""
    answer: list[int]
    """The ids that bear loss, the end token among them if the template marks it."""

    @property
    def continues(self) -> bool:
        """Whether the answer was learned after what a model is asked with."""
        return self.before[: len(self.asked)] == self.asked


def taught(tokenizer: TokenizersBackend, row: dict[str, Any]) -> Taught:
    """The last of the assistant's turns of `row`."""
    messages = row["messages"]
    last = max(place for place, message in enumerate(messages) if message["role"] == "assistant")
    ids, mask = conversation_ids(tokenizer, messages[: last + 1])
    end = len(mask) - mask[::-1].index(1)
    start = end - [*mask[:end][::-1], 0].index(0)
    return Taught(prompt_ids(tokenizer, messages[:last]), ids[:start], ids[start:end])


def template_figures(lessons: Sequence[Taught], end_id: Any, max_new_tokens: int) -> dict[str, float]:
    """Shares of the rows: whose answer continues its prompt, whose end token bears loss, whose answer is short enough
    to end within `max_new_tokens`; and of different answers among them.
    """
    return {
        "prompts_continued": mean([float(lesson.continues) for lesson in lessons]).value,
        "ends_taught": mean([float(end_id in lesson.answer) for lesson in lessons]).value,
        "data_short_enough": mean([float(len(lesson.answer) <= max_new_tokens) for lesson in lessons]).value,
        "data_distinct": len({tuple(lesson.answer) for lesson in lessons}) / len(lessons),
    }


def with_other_prompts(lessons: Sequence[Taught], room: int) -> list[tuple[Taught, list[int]]]:
    """Each lesson with another one's prompt: the first that differs, from the lesson half of all lessons away on.

    Lessons for which there is none, or whose answer and prompts do not fit into `room` tokens, are left out.
    """
    count = len(lessons)
    pairs = []
    for place, lesson in enumerate(lessons):
        away = (lessons[(place + count // 2 + step) % count].before for step in range(count))
        other = next((before for before in away if before != lesson.before), None)
        if other is not None and max(len(lesson.before), len(other)) + len(lesson.answer) <= room:
            pairs.append((lesson, other))
    return pairs


def prompt_gain(model: PreTrainedModel, pad_id: int, lesson: Taught, other: Sequence[int]) -> float:
    """By how many nats an answer's own prompt makes it likelier than the prompt `other` does."""
    with_own, with_other = answer_log_probs(model, [lesson.before, other], [lesson.answer] * 2, pad_id).tolist()
    return with_own - with_other
