"""The program that a card opens with, and running it where nothing of this project can be imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.data.judge import Message

PATIENCE_S = 300
"""Enough to import torch and transformers on a slow disk."""

_WITHOUT_PIPELINE = "import sys; sys.modules['pipeline'] = None  # an import of it would fail\n"


HERE = 'repository, revision = ".", None  # the folder of this card'
"""The line of every quick start that says what is opened; a push puts the repository's name there."""
_PLACE = re.compile(r"^repository, revision = .*$", flags=re.MULTILINE)


def addressed(card: str, repository: str, revision: str) -> str:
    """A card whose quick start opens the repository on the Hub."""
    return _PLACE.sub(lambda _: f"repository, revision = {repository!r}, {revision!r}".replace("'", '"'), card)


def model_start(messages: list[Message], custom: bool) -> str:
    """A program that answers `messages` with a language model."""
    # ascii() keeps whatever stands in a message inside its string literal.
    return f"""\
from transformers import AutoModelForCausalLM, AutoTokenizer

{HERE}
tokenizer = AutoTokenizer.from_pretrained(
    repository, revision=revision{_trust(custom)}
)
model = AutoModelForCausalLM.from_pretrained(
    repository, revision=revision{_trust(custom)}
)
messages = {messages!a}
prompt = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**prompt, max_new_tokens=32)[0, prompt["input_ids"].shape[1] :]
print(tokenizer.decode(answer, skip_special_tokens=True))"""


def adapter_start(messages: list[Message], custom: bool) -> str:
    """A program that answers `messages` with a base and its adapter."""
    return f"""\
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

{HERE}
tokenizer = AutoTokenizer.from_pretrained(repository, revision=revision)
model = AutoPeftModelForCausalLM.from_pretrained(
    repository, revision=revision{_trust(custom)}
)
messages = {messages!a}
prompt = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(
    **prompt,
    max_new_tokens=32,
    eos_token_id=tokenizer.eos_token_id,
    pad_token_id=tokenizer.pad_token_id,
)[0, prompt["input_ids"].shape[1] :]
print(tokenizer.decode(answer, skip_special_tokens=True))"""


def reward_start(messages: list[Message], custom: bool) -> str:
    """A program that scores a conversation with a reward model."""
    return f"""\
from transformers import AutoModelForSequenceClassification, AutoTokenizer

{HERE}
tokenizer = AutoTokenizer.from_pretrained(
    repository, revision=revision{_trust(custom)}
)
model = AutoModelForSequenceClassification.from_pretrained(
    repository, revision=revision{_trust(custom)}
)
messages = {messages!a}
text = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)
print(model(**text).logits.item())  # the higher, the better the last answer"""


def tokenizer_start() -> str:
    """A program that encodes and decodes."""
    return f"""\
from transformers import AutoTokenizer

{HERE}
tokenizer = AutoTokenizer.from_pretrained(repository, revision=revision)
ids = tokenizer("The mill stands by the river.")["input_ids"]
print(ids, tokenizer.decode(ids))"""


def data_start() -> str:
    """A program that loads both splits."""
    return f"""\
from datasets import load_dataset

{HERE}
data = load_dataset(repository, revision=revision)
print(data["train"][0], len(data["validation"]))"""


def _trust(custom: bool) -> str:
    """For the tokenizer too, which needs no code: transformers opens the model's config to find its class, and asks."""
    return ", trust_remote_code=True" if custom else ""


def program_of(card: str) -> str:
    """The first Python program in a card."""
    program = re.search(r"^```python\n(.*?)\n```$", card, flags=re.DOTALL | re.MULTILINE)
    assert program is not None, "the card's template has a quick start"
    return program[1]


def opens(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the quick start of a folder's card; it did well if the exit code is 0."""
    return run_alone(program_of((folder / "README.md").read_text(encoding="utf-8")), folder)


def failure_of(result: subprocess.CompletedProcess[str]) -> str:
    """Why a program failed, in a line; nothing if it did not."""
    return (result.stderr.strip().splitlines() or ["no word"])[-1][:200] if result.returncode else ""


def run_alone(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` in a process of its own, without the network, stdin, this package or its caches."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": cache, "PYTHONWARNINGS": "ignore"}
        for name in ("PYTHONPATH", "WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
            environment.pop(name, None)
        return subprocess.run(
            [sys.executable, "-c", _WITHOUT_PIPELINE + program],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
