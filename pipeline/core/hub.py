"""Addresses on the Hub: the commit that a reference means, and the folder that holds it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError

_COMMIT = re.compile(r"[0-9a-f]{40}")


def hub_commit(repository: str, kind: Literal["model", "dataset"], revision: str, lock: Path | None) -> str:
    """The commit of `repository` at `revision` (its main branch when empty).

    A commit needs no network. A floating revision is asked for once and pinned in the file `lock`.

    Raises:
        StageError: when the Hub does not answer or does not know the repository.
    """
    if _COMMIT.fullmatch(revision):
        return revision
    key = f"{kind}s/{repository}@{revision or 'main'}"
    pinned: dict[str, str] = read_json(lock) if lock and lock.exists() else {}
    if key not in pinned:
        pinned[key] = _ask(repository, kind, revision)
        if lock:
            write_json(lock, pinned)
    return pinned[key]


def _ask(repository: str, kind: Literal["model", "dataset"], revision: str) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        commit = HfApi().repo_info(repository, repo_type=kind, revision=revision or None).sha
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StageError(
            f"hf://{repository}: the Hub does not give its commit ({reason}); check the name, the network and, for a "
            "private or gated repository, `hf auth login`"
        ) from None
    assert commit is not None
    return commit


def hub_folder(repository: str, commit: str) -> Path:
    """The local folder of a model repository at a commit, downloaded if it is not there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(repository, revision=commit, ignore_patterns=["*.bin", "*.pt", "*.h5", "*.msgpack"])
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StageError(f"hf://{repository}@{commit}: cannot be downloaded ({reason})") from None
