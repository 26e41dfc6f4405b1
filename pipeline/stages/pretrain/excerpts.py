"""What a model writes in the course of its training: the beginnings of held-out documents, gone on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.models.loading import require_pad_token
from pipeline.models.sampling import episode_uniforms, sample
from pipeline.stages.pretrain.held_out import HeldOut
from pipeline.training.metrics import append_row, truncate_rows

SAMPLES = "samples.jsonl"
_PROMPTS = 3
_SHARE, _LONGEST = 3, 16
"""A prompt is a third of its document, or so many tokens."""
_NEW_TOKENS = 24


@dataclass(frozen=True)
class Excerpts:
    """The same prompts at every evaluation, gone on with by the same uniforms: only the model differs."""

    held_out: HeldOut

    def begin(self, done: int) -> None:
        """Training starts after step `done`: forget what was written later."""
        if self.held_out.interval and self.held_out.context.processes.is_main:
            truncate_rows(self.held_out.context.output / SAMPLES, done)

    def write(self, done: int) -> None:
        """A row for each prompt after step `done`, by rank 0 alone. Called by every process."""
        held_out, tokenizer = self.held_out, self.held_out.tokenizer
        context, end = held_out.context, tokenizer.eos_token_id
        model = held_out.whole_model()
        if not context.processes.is_main:
            return
        prompts = [ids[: min(_LONGEST, max(1, len(ids) // _SHARE))] for ids in held_out.encoded[:_PROMPTS]]
        room = held_out.model.config.max_position_embeddings - max(map(len, prompts))
        new_tokens = min(_NEW_TOKENS, room)
        written = sample(
            model,
            prompts,
            episode_uniforms(context.seed, range(len(prompts)), new_tokens),
            end_ids=[end],  # pyright: ignore[reportArgumentType]
            pad_id=require_pad_token(tokenizer),
            max_new_tokens=new_tokens,
        )
        for index, prompt in enumerate(prompts):
            row: dict[str, Any] = {
                "step": done,
                "prompt": tokenizer.decode(prompt, skip_special_tokens=True),
                "completion": tokenizer.decode(written.tokens[index][written.mask[index]], skip_special_tokens=True),
                "ended": bool(written.ended[index]),
            }
            append_row(context.output / SAMPLES, row)
