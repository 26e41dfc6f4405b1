from __future__ import annotations

import pytest
import torch

from pipeline.data.chat import CHAT_TEMPLATE
from pipeline.data.prompt_use import Taught, prompt_gain, taught, template_figures, with_other_prompts
from pipeline.models.loading import load_model, load_tokenizer
from pipeline.models.log_probs import answer_log_probs
from tests.unit.stages.tiny import save_tiny_model


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = save_tiny_model(tmp_path_factory.mktemp("model")).path
    return load_model(folder, dtype=torch.float32), load_tokenizer(folder)


def row(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def with_template(tokenizer, template):
    tokenizer.chat_template = template
    lesson = taught(tokenizer, row("Who grinds?", "The miller."))
    tokenizer.chat_template = CHAT_TEMPLATE
    return lesson


def test_the_answer_is_what_bears_loss_and_continues_its_prompt(opened):
    _, tokenizer = opened
    lesson = with_template(tokenizer, CHAT_TEMPLATE)
    assert lesson.continues and lesson.asked == lesson.before
    assert lesson.answer[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(lesson.answer[:-1]) == " The miller."


def test_a_template_that_asks_otherwise_than_it_teaches_is_seen(opened):
    other = CHAT_TEMPLATE.replace("{{- '<|assistant|>' }}\n{%- endif %}", "{{- '<|user|>' }}\n{%- endif %}")
    assert other != CHAT_TEMPLATE
    assert not with_template(opened[1], other).continues


def test_an_end_token_outside_of_the_answer_is_seen(opened):
    other = CHAT_TEMPLATE.replace(" + '<|end|>' }}{% endgeneration %}", " }}{% endgeneration %}{{ '<|end|>' }}")
    assert other != CHAT_TEMPLATE
    assert opened[1].eos_token_id not in with_template(opened[1], other).answer


def test_shares_are_over_the_rows():
    lessons = [
        Taught([1], [1], [5, 2]),
        Taught([1], [3], [5, 6, 7, 8]),
        Taught([1], [1, 9], [5, 2]),
        Taught([], [1], [2]),
    ]
    assert template_figures(lessons, end_id=2, max_new_tokens=3) == {
        "prompts_continued": 0.75, "ends_taught": 0.75, "data_short_enough": 0.75, "data_distinct": 0.75,
    }  # fmt: skip


def test_every_lesson_gets_a_prompt_that_is_not_its_own():
    """Also where prompts come again after half of the rows, as when each is answered twice."""
    lessons = [Taught([], [place % 5], [7]) for place in range(10)]
    pairs = with_other_prompts(lessons, room=8)
    assert len(pairs) == 10 and all(lesson.before != other for lesson, other in pairs)
    assert with_other_prompts([Taught([], [1], [7])] * 4, room=8) == []
    assert with_other_prompts([Taught([], [1] * 8, [7]), Taught([], [2], [7])], room=8) == []


def test_nats_are_those_of_the_answer_alone(opened):
    model, _ = opened
    prompt, answer = [3, 20, 30, 40], [50, 60, 2]
    logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0].double().log_softmax(-1)
    by_hand = -sum(float(logits[len(prompt) - 1 + place, token]) for place, token in enumerate(answer))
    alone, padded = (
        answer_log_probs(model, prompts, [answer] * 2, 0).tolist() for prompts in ([prompt, [3, 9]], [[3] * 9, prompt])
    )
    assert -alone[0] == pytest.approx(by_hand) == pytest.approx(-padded[1])
    assert prompt_gain(model, 0, Taught([], prompt, answer), [3, 9]) == pytest.approx(alone[0] - alone[1])
