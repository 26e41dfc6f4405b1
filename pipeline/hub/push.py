"""Push: one commit that holds everything or nothing, compared file by file afterwards, and the tag last.

By `create_commit` rather than `upload_folder`: with Xet the latter may split a folder over several commits, and after a
cut the first of them would stand there, half done. Blobs that were uploaded before a cut are not sent again by either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from pipeline.core.errors import StageError
from pipeline.hub.account import demand_rights, demand_token
from pipeline.hub.contents import Contents, Digests, demand_harmless, digests_of
from pipeline.hub.remote import Kind, Remote, differing, left_over, read_remote
from pipeline.hub.retry import Patience
from pipeline.hub.target import HubTarget

Say = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pushed:
    """What lies on the Hub now."""

    repo: str
    kind: Kind
    commit: str
    tag: str | None
    url: str
    files: int
    size: int
    changed: bool
    """Whether a commit was made; not when everything was there already."""


def push(
    contents: Contents, target: HubTarget, kind: Kind, message: str, say: Say, patience: Patience | None = None
) -> Pushed:
    """Bring `contents` to the repository; make it if it does not exist. Once more, and nothing is changed.

    Raises:
        StageError: when it must not or cannot be done; nothing is tagged then, and the same call goes on from there.
    """
    patience = patience or Patience()
    demand_harmless(contents, demand_token(target.repo), Path.home())
    api = HfApi()
    local = digests_of(contents)

    def patiently(call: Callable[[], Result]) -> Result:
        return patience.of(call, target.repo, say)

    patiently(lambda: demand_rights(api, target.repo))
    patiently(lambda: _make_repository(api, target, kind))
    before = patiently(lambda: read_remote(api, target.repo, kind))
    _demand_private(target, before)
    _demand_free_tag(target, before, differing(local, before))
    commit = patiently(lambda: _commit(api, contents, local, target, kind, message, before.head))
    if target.tag and target.tag not in before.tags:
        patiently(lambda: _tag(api, target, kind, commit))
    return Pushed(
        target.repo,
        kind,
        commit,
        target.tag,
        f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{target.repo}/tree/{target.tag or commit}",
        len(contents),
        sum(digests.size for digests in local.values()),
        commit != before.head,
    )


def _make_repository(api: HfApi, target: HubTarget, kind: Kind) -> None:
    # None, not False: an organization may make its repositories private unless told otherwise.
    api.create_repo(target.repo, repo_type=kind, private=True if target.private else None, exist_ok=True)


def _demand_private(target: HubTarget, remote: Remote) -> None:
    if target.private and not remote.private:
        raise StageError(
            f"{target.repo}: is public, and `private` was asked for; make it private, or take another name"
        )


def _demand_free_tag(target: HubTarget, remote: Remote, different: list[str]) -> None:
    tagged = remote.tags.get(target.tag or "")
    if tagged is not None and (different or tagged != remote.head):
        raise StageError(
            f"{target.repo}: the tag {target.tag!r} stands at another commit ({tagged[:8]}); take another tag. "
            "Nothing was pushed"
        )


def _commit(
    api: HfApi,
    contents: Contents,
    local: Mapping[str, Digests],
    target: HubTarget,
    kind: Kind,
    message: str,
    base: str,
) -> str:
    """The commit that holds `contents`: one made now upon `base`, or the newest if it does already.

    A commit whose answer was lost is found again by looking, so that a second is never made.
    """
    remote = read_remote(api, target.repo, kind)
    old = left_over(api, target.repo, kind, local, remote)
    changed = differing(local, remote)
    if not changed and not old:
        return remote.head
    if remote.head != base:
        raise StageError(
            f"{target.repo}: somebody pushed meanwhile (now at {remote.head[:8]}); the same command puts this on top"
        )
    operations = [
        *(CommitOperationAdd(name, content) for name, content in contents.items()),
        *(CommitOperationDelete(name) for name in old),
    ]
    made = api.create_commit(target.repo, operations, commit_message=message, repo_type=kind, parent_commit=base)
    return _compared(read_remote(api, target.repo, kind, made.oid), local, target)


def _compared(remote: Remote, local: Mapping[str, Digests], target: HubTarget) -> str:
    wrong = differing(local, remote)
    if wrong:
        raise StageError(f"{target.repo}: after the upload these differ from what lies here: {', '.join(wrong)}")
    return remote.head


def _tag(api: HfApi, target: HubTarget, kind: Kind, commit: str) -> None:
    assert target.tag is not None
    # A tag that was set although its answer was lost is there the second time.
    if read_remote(api, target.repo, kind).tags.get(target.tag) != commit:
        api.create_tag(target.repo, tag=target.tag, revision=commit, repo_type=kind)
