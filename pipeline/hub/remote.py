"""What a repository on the Hub holds: the digest of every file, its tags, and how it differs from what lies here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile

from pipeline.hub.contents import Digests
from pipeline.hub.record import RECORD

Kind = Literal["model", "dataset"]


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository."""

    digest: str
    large: bool
    """Whether the digest is a sha256, of a file in large storage; otherwise it is git's."""

    def holds(self, local: Digests) -> bool:
        """Whether it has the same bytes."""
        return self.digest == (local.sha256 if self.large else local.git)


@dataclass(frozen=True)
class Remote:
    """A repository at one commit."""

    head: str
    private: bool
    files: Mapping[str, RemoteFile]
    tags: Mapping[str, str]
    """The commit of every tag."""


def read_remote(api: HfApi, repo: str, kind: Kind, commit: str | None = None) -> Remote:
    """The repository at a commit, the newest when none is given."""
    info = api.repo_info(repo, repo_type=kind, revision=commit)
    assert info.sha is not None
    tree = api.list_repo_tree(repo, repo_type=kind, revision=info.sha, recursive=True)
    files = {
        entry.path: RemoteFile(entry.lfs.sha256, True) if entry.lfs else RemoteFile(entry.blob_id, False)
        for entry in tree
        if isinstance(entry, RepoFile)
    }
    refs = api.list_repo_refs(repo, repo_type=kind)
    return Remote(info.sha, bool(info.private), files, {tag.name: tag.target_commit for tag in refs.tags})


def differing(local: Mapping[str, Digests], remote: Remote) -> list[str]:
    """The files that the repository does not have, or has otherwise."""
    return [
        name for name, digests in local.items() if name not in remote.files or not remote.files[name].holds(digests)
    ]


def left_over(api: HfApi, repo: str, kind: Kind, local: Mapping[str, Digests], remote: Remote) -> list[str]:
    """Files that an earlier push put there and this one does not have: old weights beside new ones would be loaded.

    What others put into the repository stays.
    """
    if RECORD not in remote.files:
        return []
    record = api.hf_hub_download(repo, RECORD, repo_type=kind, revision=remote.head)
    with open(record, encoding="utf-8") as file:
        pushed = json.load(file).get("files", {})
    return sorted(name for name in pushed if name in remote.files and name not in local)
