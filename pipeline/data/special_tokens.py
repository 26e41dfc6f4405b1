"""The special tokens of every tokenizer this pipeline trains, in the order of their ids. Configs read this."""

from __future__ import annotations

PAD_TOKEN, BEGIN_TOKEN, END_TOKEN = "<|pad|>", "<|begin|>", "<|end|>"

SPECIAL_TOKENS = (PAD_TOKEN, BEGIN_TOKEN, END_TOKEN, "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
"""Every special token; its place is its id. The end token ends documents and turns alike."""
