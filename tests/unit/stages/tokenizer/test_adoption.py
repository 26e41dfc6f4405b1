"""A tokenizer from elsewhere as a stage: what it lacks is added, and it may be pretrained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from pipeline.artifacts import Tokenizer
from pipeline.core.artifact import write_json
from pipeline.core.stage import Inputs
from pipeline.data.chat import CHAT_TEMPLATE, conversation_ids
from pipeline.stages.tokenizer.checks import check
from pipeline.stages.tokenizer.config import Config
from pipeline.stages.tokenizer.stage import run
from tests.unit.data.foreign import tokenizer_of
from tests.unit.stages.tiny import make_context
from tests.unit.stages.tokenizer.test_tokenizer import source

TALK = [{"role": "user", "content": "a <|end|> b"}, {"role": "assistant", "content": "c"}]


def adopted(folder: Path, theirs: Any, text: bool, **settings: Any) -> tuple[Path, Any, Config]:
    theirs.save_pretrained(folder / "theirs")
    rows = [source(folder / "a.jsonl", [{"text": "some text <|endoftext|> to look at"}])] if text else []
    config = Config(adopt="./theirs", text=["./a.jsonl"] if rows else None, **settings)
    inputs = Inputs(text=rows or None, adopt=Tokenizer(folder / "theirs", "f", "./theirs"), compare=[])
    context = make_context(folder / "tokenizer")
    outcome = run(config, inputs, context)
    write_json(context.output / "manifest.json", {"metrics": dict(outcome.metrics)})
    return context.output, outcome, config


@pytest.mark.parametrize(
    ("settings", "begin", "end", "template"),
    [({}, "<|begin|>", "<|end|>", CHAT_TEMPLATE), ({"template": "chatml"}, None, "<|im_end|>", None)],
)
def test_what_conversations_and_documents_need_is_added(tmp_path, settings, begin, end, template):
    output, outcome, config = adopted(tmp_path, tokenizer_of(["<|endoftext|>"], "<|endoftext|>"), True, **settings)
    tokenizer = AutoTokenizer.from_pretrained(output)
    assert (tokenizer.bos_token, tokenizer.eos_token) == (begin, end)
    assert template in (None, tokenizer.chat_template)
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)
    assert len(tokenizer) == outcome.metrics["vocab_size"] > 257
    assert outcome.metrics["pre_tokenizer"] == "gpt-2" and outcome.metrics["bytes_per_token"] == 1
    ids, mask = conversation_ids(tokenizer, TALK)
    assert tokenizer.decode([token for token, bears in zip(ids, mask, strict=True) if bears]).endswith(f"c{end}")
    found = check(config, Inputs(), Tokenizer(output), make_context(tmp_path / "x"))
    assert [one.name for one in found if one.verdict == "fail"] == []


def test_a_template_of_its_own_is_kept_and_no_text_is_needed(tmp_path):
    template = (
        "{% for m in messages %}<s>{{ m.role }} {% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>"
        "{% endgeneration %}{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant {% endif %}"
    )
    output, outcome, config = adopted(tmp_path, tokenizer_of(["<s>", "</s>"], "</s>", template), False)
    tokenizer = AutoTokenizer.from_pretrained(output)
    assert tokenizer.chat_template == template and tokenizer.eos_token == "</s>"
    assert "bytes_per_token" not in outcome.metrics
    verdicts = {one.name: one.verdict for one in check(config, Inputs(), Tokenizer(output), make_context(tmp_path))}
    assert verdicts == {"texts that come back": "pass", "chat template": "pass"}
