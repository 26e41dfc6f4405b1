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
    from huggingface_hub.errors import HTTPError

    try:
        commit = HfApi().repo_info(repository, repo_type=kind, revision=revision or None).sha
    except (HTTPError, OSError) as error:
        raise StageError(f"hf://{repository}{f'@{revision}' if revision else ''}: {_why(error, revision)}") from None
    assert commit is not None
    return commit


def hub_folder(repository: str, commit: str) -> Path:
    """The local folder of a model repository at a commit, downloaded if it is not there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError

    try:
        return Path(
            snapshot_download(repository, revision=commit, ignore_patterns=["*.bin", "*.pt", "*.h5", "*.msgpack"])
        )
    except (HTTPError, OSError) as error:
        raise StageError(f"hf://{repository}@{commit}: cannot be downloaded: {_why(error, commit)}") from None


def _why(error: Exception, revision: str) -> str:
    """Why the Hub did not answer as hoped, in one line with the way on."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, and its commit is not known; unset it, or write @ and the 40 digits of a commit"
    if isinstance(error, RevisionNotFoundError):
        return f"the repository has no revision {revision!r}; name a branch, a tag or a commit of it"
    if isinstance(error, GatedRepoError):
        return "the repository is gated: ask for access on its page, then `hf auth login` as one who has it"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository, or it is private; check the name, or `hf auth login` as one who may see it"
    if isinstance(error, HfHubHTTPError):
        return f"the Hub answers {error.response.status_code} ({reason}); the token may be wrong: `hf auth login`"
    return f"no answer from the Hub ({reason}); check the network and HF_ENDPOINT"
