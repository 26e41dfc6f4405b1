"""Write every document of a corpus in small letters, as a corpus that the later stages and `load_dataset` read."""

from __future__ import annotations

import json
from pathlib import Path

from gristmill_lowercase.config import Config

from pipeline.artifacts import Corpus
from pipeline.core.stage import Check, Inputs, Outcome, StageContext

CARD = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: train-*.jsonl}
  - {split: validation, path: validation-*.jsonl}
---
"""


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Copy each shard, with `text` in small letters."""
    documents = 0
    for split in ("train", "validation"):
        for shard in inputs.corpus.shards(split):
            documents += _copy(shard, context.output / shard.name, config.letters)
    (context.output / "README.md").write_text(CARD, encoding="utf-8")
    return Outcome(metrics={"documents": documents}, headline=f"{documents:,} documents in small letters")


def check(config: Config, inputs: Inputs, artifact: Corpus, context: StageContext) -> list[Check]:
    """No document may be lost."""
    before, after = inputs.corpus.metrics["documents"], artifact.metrics["documents"]
    return [Check("documents", after, f"{before}, as before", "pass" if after == before else "fail")]


def _copy(source: Path, target: Path, letters: str) -> int:
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").split("\n") if line]
    with open(target, "w", encoding="utf-8") as file:
        for row in rows:
            text = row["text"].lower() if letters == "all" else row["text"][:1].lower() + row["text"][1:]
            file.write(json.dumps({"text": text, "id": row["id"], "source": row["source"]}, ensure_ascii=False) + "\n")
    return len(rows)
