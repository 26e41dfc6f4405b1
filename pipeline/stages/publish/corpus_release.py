"""A corpus published beside the model: laid out as a data set's repository, and pushed where the recipe names one."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import StageError
from pipeline.core.text import say
from pipeline.hub.contents import Contents
from pipeline.hub.push import push
from pipeline.hub.target import HubTarget
from pipeline.stages.publish.outgoing import DATA_FOLDER, addressed_to, laid_out


def release_corpus(corpus: Artifact, folder: Path, name: str, target: HubTarget | None) -> dict[str, Any]:
    """Lay `corpus` out below `folder`, and push it if there is a `target`; what the manifest says of it.

    Raises:
        StageError: for a corpus that no stage made, and when it cannot be pushed.
    """
    if not corpus.sealed:
        raise StageError(f"{corpus.path}: not published: no stage made it, so that nothing is known of its text")
    found = laid_out(corpus, target.repo.split("/")[1] if target else f"{name}-{corpus.manifest['id']}")
    write_contents(found.contents, folder / DATA_FOLDER)
    metrics: dict[str, Any] = {"corpus_files": len(found.contents)}
    if found.card_fault:
        metrics["corpus_card_fault"] = found.card_fault
    if target is not None:
        pushed = asdict(push(addressed_to(target, found).contents, target, "dataset", found.message, say))
        metrics |= {f"corpus_{key}": pushed[key] for key in ("repo", "commit", "tag", "url")}
    return metrics


def write_contents(contents: Contents, folder: Path) -> None:
    """Write every file under its name; those of a sealed artifact are linked, copied only where that cannot be."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # of an attempt that was stopped
        if isinstance(content, bytes):
            path.write_bytes(content)
            continue
        try:
            os.link(content, path)
        except OSError:  # a file system without hard links, or another device
            shutil.copyfile(content, path)
