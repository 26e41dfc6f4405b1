"""The program that a model card opens with, and running it where nothing of this project can be imported."""

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


def quick_start(messages: list[Message], custom: bool) -> str:
    """A program that answers `messages` with the model in the working folder."""
    # ascii() keeps whatever stands in a message inside its string literal.
    trust = ", trust_remote_code=True" if custom else ""
    return f"""\
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder{trust})
messages = {messages!a}
prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answer = model.generate(**prompt, max_new_tokens=32)[0, prompt["input_ids"].shape[1] :]
print(tokenizer.decode(answer, skip_special_tokens=True))"""


def program_of(card: str) -> str:
    """The first Python program in a card."""
    program = re.search(r"^```python\n(.*?)\n```$", card, flags=re.DOTALL | re.MULTILINE)
    assert program is not None, "the card's template has a quick start"
    return program[1]


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
