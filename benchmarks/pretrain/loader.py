"""How fast pretraining's rows are read: beside a plain torch DataLoader over the same rows.

`python -m benchmarks.pretrain.loader` prints tokens per CPU second, one thread, in turns. The model that is to be fed
reads some ten to forty thousand tokens a second on such a thread, and a million on a large GPU.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from pipeline.stages.pretrain.arrangement import ARRANGEMENTS, Collate
from pipeline.stages.pretrain.config import Config
from pipeline.stages.pretrain.packing import PackedRows
from pipeline.stages.pretrain.token_store import TokenStore
from pipeline.training.rows import RowPlan

DOCUMENTS, CONTEXT, BATCH, STEPS, TURNS = 100_000, 512, 16, 300, 5
SEED = 17


def store_in(folder: Path) -> TokenStore:
    """Documents of 20 to 800 random tokens, mapped into memory from a file."""
    generator = np.random.default_rng(SEED)
    starts = np.concatenate(([0], np.cumsum(generator.integers(20, 800, DOCUMENTS))))
    file = folder / "tokens.bin"
    generator.integers(0, 2**15, int(starts[-1]), dtype=np.uint16).tofile(file)
    return TokenStore(np.memmap(file, dtype=np.uint16, mode="r"), starts)


def ours(rows: PackedRows, plan: RowPlan, collate: Collate) -> Iterable[dict[str, Tensor]]:
    """As the stage's loop reads them, their order found out step by step."""
    return (collate([rows[row] for row in plan.order[step].tolist()]) for step in range(plan.steps))


def plain(rows: PackedRows, plan: RowPlan, collate: Collate) -> Iterable[dict[str, Tensor]]:
    """As a DataLoader reads them, which is told the same batches beforehand."""
    return DataLoader(rows, batch_sampler=[batch.tolist() for batch in plan.batches], collate_fn=collate)


def tokens_per_second(batches: Iterable[dict[str, Tensor]]) -> float:
    """Tokens per CPU second, padding counted."""
    started, tokens = time.process_time(), 0
    for batch in batches:
        tokens += batch["input_ids"].numel()
    return tokens / (time.process_time() - started)


def main() -> None:
    """Print a line for each way to make rows."""
    torch.set_num_threads(1)
    print(f"tokens per CPU second, one thread, rows of {CONTEXT}, batches of {BATCH}; median of {TURNS} turns")
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(Path(folder))
        for name, arrangement in ARRANGEMENTS.items():
            train = {"packing": name, "steps": STEPS, "global_batch_size": BATCH}
            config = Config.model_validate({"decoder": {"max_position_embeddings": CONTEXT}, "train": train})
            packing, plan = arrangement.arrange(config, store, SEED)
            rows, collate = PackedRows(store, packing), arrangement.collate(CONTEXT, 0)
            pairs = [tuple(tokens_per_second(way(rows, plan, collate)) for way in (ours, plain)) for _ in range(TURNS)]
            own, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratios = sorted(one / other for one, other in pairs)
            print(
                f"{name}: ours {own:,.0f}, DataLoader {theirs:,.0f}: "
                f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            )


if __name__ == "__main__":
    main()
