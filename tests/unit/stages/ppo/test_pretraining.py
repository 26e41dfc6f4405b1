"""Running text beside the answers: what is computed of it, and that it keeps what the policy knew."""

from __future__ import annotations

import json

import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.stages.ppo.config import Config
from pipeline.stages.ppo.layout import Packer
from pipeline.stages.ppo.networks import Policy, TrainedPolicy
from pipeline.stages.ppo.pretraining import TextMix, read_text
from pipeline.stages.ppo.prompts import Prompt
from tests.learning import ppo_chain
from tests.learning.ppo_on_worlds import make_trainer, small_llama

DOCUMENTS = [[1, 4, 5, 6, 7], [1, 6, 5], [1, 8, 8, 8, 8, 8, 2], [1, 2]]
CPU = torch.device("cpu")


def text_loss(model, documents=DOCUMENTS) -> float:
    """Mean loss per token of the documents, one at a time, in the obvious way."""
    losses = []
    for document in documents:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([document])).logits[0, :-1]
        losses += torch.nn.functional.cross_entropy(logits, torch.tensor(document[1:]), reduction="none").tolist()
    return sum(losses) / len(losses)


@pytest.mark.parametrize("packer", [Packer(100, 0), Packer(100, 0, 8), Packer(8, 0)])
def test_the_loss_is_that_of_the_text_at_temperature_one(packer):
    model, mix = small_llama(12, 0), TextMix(DOCUMENTS, 4, 1.0, seed=3)
    network = TrainedPolicy(Policy(model, 0.5, 0), entropy=True)
    layouts = mix.layouts(0, packer, 0, 1, CPU)
    with torch.no_grad():
        log_probs = torch.cat([network(layout, text=True).log_probs for layout in layouts])
    assert len(log_probs) == sum(len(document) - 1 for document in DOCUMENTS)
    assert -float(log_probs.mean()) == pytest.approx(text_loss(model), rel=1e-5)


def test_processes_share_the_documents_of_a_step_and_every_one_is_read_once_a_pass():
    mix, packer = TextMix(DOCUMENTS, 2, 1.0, seed=3), Packer(100, 0)

    def first_words(step, rank=0, world_size=1):
        return [int(layout.tokens[0]) for layout in mix.layouts(step, packer, rank, world_size, CPU)]

    tokens = sorted(token for step in (0, 1) for layout in mix.layouts(step, packer, 0, 1, CPU)
                    for token in layout.tokens.tolist())  # fmt: skip
    assert tokens == sorted(token for document in DOCUMENTS for token in document[1:])
    assert first_words(0) and mix.layouts(0, packer, 2, 3, CPU) == []
    shared = [layout for rank in (0, 1) for layout in mix.layouts(1, packer, rank, 2, CPU)]
    assert sorted(token for layout in shared for token in layout.tokens.tolist()) == sorted(
        token for layout in mix.layouts(1, packer, 0, 1, CPU) for token in layout.tokens.tolist()
    )


def test_text_keeps_what_the_policy_knew_while_it_learns_something_else():
    """Paid for a token that the text never holds, a policy forgets the text; with the text mixed in it does not."""

    def count_of_nine(prompts, responses):
        return [float(response.count(9)) / len(response) for response in responses]

    lost, gained = {}, {}
    for coefficient in (None, 1.0):
        update = {"pretraining": {"text": "./text.jsonl", "coefficient": coefficient, "documents": 4}}
        config = ppo_chain.settings(
            steps=15, kl_coefficient=0.0, learning_rate=3e-3, global_batch_size=16, update=update if coefficient else {}
        )
        model = small_llama(12, 0)
        before = text_loss(model)
        trainer = make_trainer(model, config, count_of_nine, [Prompt((3,))], documents=DOCUMENTS)
        figures = [trainer.step() for _ in range(15)]
        lost[coefficient], gained[coefficient] = text_loss(model) - before, figures[-1]["score"] - figures[0]["score"]
        assert ("text_loss" in figures[0]) == (coefficient is not None)
    assert lost[None] > 0.2 and lost[1.0] < -0.2
    assert min(gained.values()) > 0.2


@pytest.mark.parametrize("name", ["coefficient", "documents"])
def test_a_setting_of_the_text_acts(name):
    weights = []
    for value in (1, 3):
        config = Config.model_validate({
            "steps": 2, "global_batch_size": 8, "learning_rate": 1e-3, "sampling": {"max_new_tokens": 4},
            "update": {"epochs": 1, "pretraining": {"text": "./text.jsonl", name: value}},
        })  # fmt: skip
        model = small_llama(12, 0)
        make_trainer(model, config, lambda prompts, responses: [1.0] * len(responses), [Prompt((3,))],
                     documents=DOCUMENTS).step()  # fmt: skip
        weights.append(model.lm_head.weight.detach().clone())
    assert not torch.equal(*weights)


def test_documents_are_read_as_far_as_they_are_needed_and_cut(tmp_path):
    path, tokenizer = tmp_path / "text.jsonl", ppo_chain.tokenizer()
    path.write_text("".join(json.dumps({"text": f"say {word} please now"}) + "\n" for word in ppo_chain.WORDS[:5]))
    source = Resolved(str(path), "path", "", path)
    documents = read_text(source, tokenizer, 3, 4)
    begin = tokenizer.bos_token_id
    assert documents == [[begin, *tokenizer(f"say {word} please")["input_ids"]] for word in ppo_chain.WORDS[:3]]
    path.write_text("")
    with pytest.raises(DataError, match=r"text\.jsonl"):
        read_text(source, tokenizer, 3, 4)
