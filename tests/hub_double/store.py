"""Repositories of the double: commits by their content, branches, tags, and large files by their sha256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

LARGE = 10_000_000
"""Bytes from which the Hub keeps text as a large file; what is not text is large whatever its size."""


class HubError(Exception):
    """An answer other than 200: status, the Hub's error code, and what it says."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Account:
    """Who a token belongs to."""

    name: str
    role: str = "write"
    organizations: tuple[str, ...] = ()

    def may_write(self, namespace: str) -> bool:
        return self.role != "read" and namespace in (self.name, *self.organizations)


@dataclass(frozen=True)
class File:
    """One file of one commit."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git(self) -> str:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        blob = pointer.encode() if self.large else self.content
        return hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()

    @property
    def etag(self) -> str:
        """What the preupload endpoint compares by, and downloads are cached by."""
        return self.sha256 if self.large else self.git


@dataclass
class Repository:
    """One repository; `commits` maps a sha to the files, message and parent at that commit."""

    kind: str
    name: str
    private: bool
    gated: bool = False
    """Whether its files, which are listed for all, are given to those alone who have an account."""
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit("main", {".gitattributes": File(b"*.safetensors filter=lfs\n", False)}, "initial commit", None)

    def commit(self, branch: str, files: dict[str, File], message: str, parent: str | None) -> str:
        """Add a commit to a branch."""
        content = [sorted((name, file.git) for name, file in files.items()), message, parent]
        sha = hashlib.sha1(json.dumps(content).encode()).hexdigest()
        self.commits[sha] = {"files": files, "message": message, "parent": parent}
        self.branches[branch] = sha
        return sha

    def at(self, revision: str) -> tuple[str, dict[str, File]]:
        """The sha and the files at a branch, a tag or a commit."""
        revision = revision.removeprefix("refs/heads/")
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha, self.commits[sha]["files"]

    def history(self, branch: str = "main") -> list[str]:
        """The messages of a branch's commits, the newest first."""
        sha, messages = self.branches.get(branch), []
        while sha:
            messages.append(self.commits[sha]["message"])
            sha = self.commits[sha]["parent"]
        return messages


@dataclass
class Store:
    """Everything that the double holds."""

    accounts: dict[str, Account] = field(default_factory=dict)
    """By token."""
    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    """Large files that were uploaded, committed or not."""

    def find(self, kind: str, name: str, account: Account | None) -> Repository:
        """A repository that `account` may read; the Hub does not tell a missing one from one that may not be seen."""
        repository = self.repositories.get((kind, name))
        readable = repository and (
            not repository.private or (account and name.split("/")[0] in (account.name, *account.organizations))
        )
        if repository is None or not readable:
            raise HubError(404 if account else 401, "RepoNotFound", "Repository not found")
        return repository

    def create(self, kind: str, name: str, private: bool, account: Account) -> bool:
        """Make a repository in a namespace that the account may write to; False if it is there already."""
        if not account.may_write(name.split("/")[0]):
            raise HubError(403, "", f"You don't have the rights to create a {kind} under this namespace")
        if (kind, name) in self.repositories:
            return False
        self.repositories[kind, name] = Repository(kind, name, private)
        return True


def is_large(path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub wants a file as a large one."""
    return path.endswith((".safetensors", ".parquet", ".png")) or size >= LARGE or b"\0" in sample
