"""Models from elsewhere: what is added to tokenizer, template and embedding, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
    TokenizersBackend,
)

from pipeline import artifacts
from pipeline.core.errors import PipelineError
from pipeline.core.stage import Inputs
from pipeline.data.adopting import TALK, adopted_tokenizer, make_room, open_classifier, open_model, tell
from pipeline.data.chat import CHAT_TEMPLATE, SPECIAL_TOKENS, conversation_ids, prompt_ids
from pipeline.models.loading import save_model
from tests.unit.data.foreign import FAMILIES, SHAPE, save_foreign, tokenizer_of
from tests.unit.models.tiny import tiny_decoder, tiny_tokenizer
from tests.unit.stages.tiny import make_context

TEMPLATES = Path(trl.__file__).parent / "chat_templates"


def named(template: str | None, tokenizer: Path | None = None) -> Inputs:
    return Inputs(
        template=template, tokenizer=None if tokenizer is None else artifacts.Tokenizer(tokenizer, "x", "other")
    )


def learned(tokenizer: Any) -> str:
    ids, mask = conversation_ids(tokenizer, TALK)
    return str(tokenizer.decode([token for token, bears in zip(ids, mask, strict=True) if bears]))


def test_a_model_of_this_pipeline_stays_as_it_is(tmp_path: Path):
    model = tiny_decoder()
    save_model(model, tiny_tokenizer(), tmp_path)
    opened, adopted = open_model(tmp_path)
    assert adopted.changes == () and torch.equal(opened.lm_head.weight, model.lm_head.weight)  # type: ignore[union-attr]


def test_a_tokenizer_that_cannot_spell_everything_stays_as_it_is(tmp_path: Path):
    """One of characters, as the recipe for a single text makes them."""
    words = {token: index for index, token in enumerate([*SPECIAL_TOKENS, "<|unknown|>", "a", "b"])}
    backend = Tokenizer(models.WordLevel(words, unk_token="<|unknown|>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")  # pyright: ignore[reportAttributeAccessIssue]
    pad, begin, end, *others = SPECIAL_TOKENS
    tokenizer = TokenizersBackend(
        tokenizer_object=backend, pad_token=pad, bos_token=begin, eos_token=end, extra_special_tokens=others
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(tmp_path)
    assert adopted_tokenizer(tmp_path).changes == ()


@pytest.mark.parametrize(
    ("special", "end", "template", "expected_end", "padding", "added"),
    [
        # SmolLM2: it has the tokens of ChatML and no template; its end is that of documents.
        (["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|endoftext|>", "chatml", "<|im_end|>", "<|endoftext|>", ()),
        # GPT-2: one special token.
        (["<|endoftext|>"], "<|endoftext|>", "chatml", "<|im_end|>", "<|endoftext|>", ("<|im_end|>", "<|im_start|>")),
        # Llama 3: its template ends turns by another token than documents.
        (["<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|finetune_right_pad_id|>"],
         "<|end_of_text|>", (TEMPLATES / "llama3.jinja"), "<|eot_id|>", "<|finetune_right_pad_id|>", ()),
        # Qwen 3: its template strips what earlier turns thought.
        (["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|endoftext|>", (TEMPLATES / "qwen3.jinja"),
         "<|im_end|>", "<|endoftext|>", ()),
        # No tokens for padding at all.
        (["<e>"], "<e>", "{% for m in messages %}{{ m.content }}<e>{% endfor %}", "<e>", "<|pad|>", ("<|pad|>",)),
    ],
    ids=["smollm2", "gpt2", "llama3", "qwen3", "plain"],
)  # fmt: skip
def test_what_is_missing_is_added_and_saved(
    tmp_path: Path, special: list[str], end: str, template: Any, expected_end: str, padding: str, added: tuple[str, ...]
):
    own = template.read_text() if isinstance(template, Path) else template if template != "chatml" else None
    save_foreign(tmp_path / "base", tokenizer_of(special, end, own))
    model, adopted = open_model(tmp_path / "base", torch.float32, named("chatml" if template == "chatml" else None))
    tokenizer = adopted.tokenizer
    assert (tokenizer.eos_token, tokenizer.pad_token, adopted.added) == (expected_end, padding, added)
    embedding: Any = model.get_input_embeddings()
    assert len(embedding.weight) == model.config.vocab_size == len(tokenizer)
    # The assistant's words bear loss, end tokens too, and a prompt ends where its answer begins.
    assert learned(tokenizer).count(f"the answer 42{expected_end}") == 2
    ids, mask = conversation_ids(tokenizer, TALK)
    prompt = prompt_ids(tokenizer, TALK[:3])
    assert ids[: len(prompt)] == prompt and not any(mask[: len(prompt_ids(tokenizer, TALK[:1]))])
    save_model(model, tokenizer, tmp_path / "saved")
    again, kept = open_model(tmp_path / "saved")
    assert kept.changes == () and kept.tokenizer.chat_template == tokenizer.chat_template
    tokens = torch.tensor([ids])
    assert torch.equal(again(tokens).logits, model(tokens).logits)


@pytest.mark.parametrize("name", FAMILIES)
def test_new_rows_are_the_mean_of_the_others_and_old_logits_stay(name: str, tmp_path: Path):
    tokenizer = tokenizer_of(["<e>"], "<e>")
    before = save_foreign(tmp_path, tokenizer, name)
    model, _ = open_model(tmp_path, torch.float32, named("chatml"))
    old = len(tokenizer)
    embedding: Any = model.get_input_embeddings()
    torch.testing.assert_close(embedding.weight[old:], embedding.weight[:old].mean(0).expand(3, -1))
    tokens = torch.tensor([[5, 9, 40, 41]])
    torch.testing.assert_close(model(tokens).logits[..., :old], before(tokens).logits)


def test_rows_to_spare_are_used_first(tmp_path: Path):
    save_foreign(tmp_path, tokenizer_of(["<e>"], "<e>"), rows=300)
    model, adopted = open_model(tmp_path, adopt=named("chatml"))
    embedding: Any = model.get_input_embeddings()
    assert len(embedding.weight) == model.config.vocab_size == 300 and len(adopted.added) == 3


def test_a_tokenizer_from_elsewhere_stands_in(tmp_path: Path):
    save_foreign(tmp_path / "base", tokenizer_of(["<e>"], "<e>"), rows=400)
    for file in (tmp_path / "base").glob("tokenizer*"):
        file.unlink()
    tiny_tokenizer().save_pretrained(tmp_path / "other")
    _, adopted = open_model(tmp_path / "base", adopt=named(None, tmp_path / "other"))
    assert adopted.tokenizer.eos_token == "<|end|>" and adopted.changes == ("the tokenizer of other",)


def test_a_tokenizer_with_more_tokens_than_rows_is_refused(tmp_path: Path):
    save_foreign(tmp_path / "base", tokenizer_of(["<e>"], "<e>"), rows=100)
    tokenizer_of(["<e>"], "<e>").save_pretrained(tmp_path / "other")
    with pytest.raises(PipelineError, match="257 tokens and the model an embedding of 100; take the tokenizer that"):
        open_model(tmp_path / "base", adopt=named("chatml", tmp_path / "other"))


def test_a_scorer_pads_by_the_added_token(tmp_path: Path):
    save_foreign(tmp_path, tokenizer_of(["<e>"], "<e>"))
    adopted = adopted_tokenizer(tmp_path, named("chatml"))
    scorer = open_classifier(adopted, "model", 1, torch.float32)
    assert scorer.config.pad_token_id == adopted.tokenizer.pad_token_id
    pad = adopted.tokenizer.pad_token_id
    row = [10, 20, 30]
    alone, padded = (scorer(torch.tensor([ids])).logits for ids in (row, [*row, pad, pad]))
    torch.testing.assert_close(alone, padded)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for m in messages if m.role == 'user' %}{{ m.content }}<e>{% endfor %}", "no part for the assistant's words"),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", "by no special token, so that no answer"),
        ("{% for m in messages %}{{ loop.last }}{{ m.content }}<e>{% endfor %}", "writes earlier turns anew"),
        ("{{ raise_exception('no') }}", "refuses a conversation of the roles user, assistant"),
    ],
)  # fmt: skip
def test_a_template_that_will_not_do_is_refused_with_the_reason(tmp_path: Path, template: str, said: str):
    save_foreign(tmp_path, tokenizer_of(["<e>"], "<e>", template))
    with pytest.raises(PipelineError, match=said):
        adopted_tokenizer(tmp_path)


def test_tokens_that_an_adapter_could_not_teach_are_refused(tmp_path: Path):
    save_foreign(tmp_path, tokenizer_of(["<e>"], "<e>"))
    context = make_context(tmp_path / "out")
    adopted = adopted_tokenizer(tmp_path, named("chatml"))
    said = tell(adopted, None, context)["adopted"]
    assert said.startswith("chat template chatml; end token <|im_end|>") and "token <|im_start|> added" in said
    with pytest.raises(PipelineError, match=r"lora: the model has never seen <\|im_end\|>, <\|im_start\|>"):
        tell(adopted, object(), context)
    assert (
        tell(adopted_tokenizer(tmp_path), object(), context)["adopted"] == "padding token <|pad|>; token <|pad|> added"
    )


def test_room_is_made_once(tmp_path: Path):
    save_foreign(tmp_path, tokenizer_of(["<e>"], "<e>"))
    model, adopted = open_model(tmp_path, adopt=named("chatml"))
    make_room(model, adopted)
    assert model.config.vocab_size == len(adopted.tokenizer)


def test_the_families_are_the_real_classes():
    kinds: dict[str, type[PreTrainedModel]] = {
        "llama": LlamaForCausalLM,
        "qwen3": Qwen3ForCausalLM,
        "gpt2": GPT2LMHeadModel,
    }
    configs = {"llama": LlamaConfig, "qwen3": Qwen3Config, "gpt2": GPT2Config}
    assert {name: type(make(50)) for name, make in FAMILIES.items()} == kinds
    assert set(configs) == set(FAMILIES) and SHAPE["num_hidden_layers"] == 1
