"""The double's answers, by the path that is asked for."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.hub_double.store import File, HubError, Repository, is_large

if TYPE_CHECKING:
    from tests.hub_double.server import Hub, Request

Answer = tuple[int, bytes, dict[str, str]]

NAME = r"(?P<name>[^/]+/[^/]+)"
API = rf"/api/(?P<kind>model|dataset)s/{NAME}"


def answer(request: Request) -> Answer:
    """The first route that fits."""
    for method, pattern, route in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and request.method in method.split("|"):
            result = route(request, **match.groupdict())
            return (
                result
                if isinstance(result, tuple)
                else (200, json.dumps(result).encode(), {"Content-Type": "application/json"})
            )
    raise HubError(404, "", f"the double does not speak {request.method} {request.path}")


def whoami(request: Request) -> Any:
    account = request.demand_account()
    orgs = [{"name": name} for name in account.organizations]
    return {"type": "user", "name": account.name, "orgs": orgs, "auth": {"accessToken": {"role": account.role}}}


def create(request: Request) -> Answer:
    asked, account = request.json(), request.demand_account()
    name = f"{asked.get('organization') or account.name}/{asked['name']}"
    private = asked.get("private") or asked.get("visibility") == "private"
    made = request.hub.store.create(asked.get("type", "model"), name, bool(private), account)
    content = {"url": f"{request.hub.url}/{name}"} | ({} if made else {"error": "You already created this repo"})
    return 200 if made else 409, json.dumps(content).encode(), {}


def info(request: Request, kind: str, name: str, revision: str | None = None) -> Any:
    repository = request.hub.store.find(kind, name, request.account)
    sha, files = repository.at(revision or "main")
    siblings = [{"rfilename": path} for path in files]
    return {"id": name, "sha": sha, "private": repository.private, "siblings": siblings, "tags": [], "downloads": 0,
            "likes": 0, "gated": False, "disabled": False}  # fmt: skip


def refs(request: Request, kind: str, name: str) -> Any:
    repository = request.hub.store.find(kind, name, request.account)

    def listed(found: dict[str, str], folder: str) -> list[dict[str, str]]:
        return [{"name": ref, "ref": f"refs/{folder}/{ref}", "targetCommit": sha} for ref, sha in found.items()]

    return {"branches": listed(repository.branches, "heads"), "tags": listed(repository.tags, "tags"), "converts": []}


def tree(request: Request, kind: str, name: str, revision: str, folder: str | None = None) -> Any:
    _, files = request.hub.store.find(kind, name, request.account).at(revision)
    below = f"{folder}/" if folder else ""
    found = {path: file for path, file in files.items() if path.startswith(below)}
    if folder and not found:
        raise HubError(404, "EntryNotFound", f"{folder} does not exist")
    parts = {path: path.removeprefix(below).split("/") for path in found}
    folders = {below + "/".join(part[:depth]) for part in parts.values() for depth in range(1, len(part))}
    return [entry(path, file) for path, file in found.items()] + [
        {"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)
    ]


def entry(path: str, file: File) -> dict[str, Any]:
    large = {"lfs": {"oid": file.sha256, "size": len(file.content), "pointerSize": 130}} if file.large else {}
    return {"type": "file", "path": path, "oid": file.git, "size": len(file.content), **large}


def paths_info(request: Request, kind: str, name: str, revision: str) -> Any:
    _, files = request.hub.store.find(kind, name, request.account).at(revision)
    body = request.body.decode()
    asked = json.loads(body)["paths"] if body.startswith("{") else re.findall(r"paths=([^&]+)", body)
    return [entry(path, files[path]) for path in asked if path in files]


def preupload(request: Request, kind: str, name: str, revision: str) -> Any:
    _, files = writable(request, kind, name).at(revision)

    def mode(asked: dict[str, Any]) -> dict[str, Any]:
        large = is_large(asked["path"], asked["size"], base64.b64decode(asked["sample"]))
        there = files.get(asked["path"])
        return {"path": asked["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
                "oid": there.etag if there else None}  # fmt: skip

    return {"files": [mode(asked) for asked in request.json()["files"]]}


def commit(request: Request, kind: str, name: str, revision: str) -> Any:
    repository = writable(request, kind, name)
    parent, files = repository.at(revision)
    lines = [json.loads(line) for line in request.body.splitlines()]
    header = lines[0]["value"]
    if header.get("parentCommit", parent) != parent:
        raise HubError(412, "", "A commit has happened since. Please refresh and try again.")
    files = dict(files)
    for line in lines[1:]:
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = File(base64.b64decode(value["content"]), False)
        elif line["key"] == "lfsFile":
            files[value["path"]] = File(request.hub.store.blobs[value["oid"]], True)
        else:
            del files[value["path"]]
    sha = repository.commit(revision, files, header["summary"], parent)
    return {"success": True, "commitOid": sha, "commitUrl": f"{request.hub.url}/{name}/commit/{sha}"}


def commit_by_another(hub: Hub, path: str) -> None:
    """Somebody else writes a file to the repository that `path` is about."""
    match = re.match(rf"{API}/", path)
    assert match is not None
    repository = hub.store.repositories[match["kind"], match["name"]]
    head, files = repository.at("main")
    repository.commit("main", files | {"notes.txt": File(b"by another", False)}, "by another", head)


def tag(request: Request, kind: str, name: str, revision: str) -> Any:
    repository, asked = writable(request, kind, name), request.json()["tag"]
    if asked in repository.tags:
        raise HubError(409, "", "Tag reference exists already")
    repository.tags[asked] = repository.at(revision)[0]
    return {}


def writable(request: Request, kind: str, name: str) -> Repository:
    account = request.demand_account()
    repository = request.hub.store.find(kind, name, account)
    if not account.may_write(name.split("/")[0]):
        raise HubError(403, "", "You don't have the rights to write to this repository")
    return repository


def large_files(request: Request, name: str, kind: str | None) -> Any:
    writable(request, "dataset" if kind else "model", name)
    blobs = request.hub.store.blobs

    def action(asked: dict[str, Any]) -> dict[str, Any]:
        upload = {"upload": {"href": f"{request.hub.url}/lfs/{asked['oid']}"}}
        return asked if asked["oid"] in blobs else asked | {"actions": upload}

    return {"transfer": "basic", "objects": [action(asked) for asked in request.json()["objects"]]}


def store_large(request: Request, oid: str) -> Any:
    request.hub.store.blobs[oid] = request.body
    return {}


def resolve(request: Request, kind: str | None, name: str, revision: str, path: str) -> Answer:
    repository = request.hub.store.find("dataset" if kind else "model", name, request.account)
    if repository.gated and request.account is None:
        raise HubError(401, "GatedRepo", f"Access to {kind or 'model'} {name} is restricted.")
    sha, files = repository.at(revision)
    if path not in files:
        raise HubError(404, "EntryNotFound", f"{path} does not exist")
    file = files[path]
    headers = {"X-Repo-Commit": sha, "ETag": f'"{file.etag}"', "Accept-Ranges": "bytes"}
    if file.large:
        headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))}
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if not wanted:
        return 200, file.content, headers | {"Content-Length": str(len(file.content))}
    start, end = int(wanted[1]), int(wanted[2] or len(file.content) - 1)
    part = file.content[start : end + 1]
    return 206, part, headers | {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(file.content)}"}


ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/api/whoami-v2", whoami),
    ("POST", "/api/repos/create", create),
    ("POST", "/api/validate-yaml", lambda request: {"errors": [], "warnings": []}),
    ("GET", API, info),
    ("GET", rf"{API}/revision/(?P<revision>.+)", info),
    ("GET", rf"{API}/refs", refs),
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?", tree),
    ("POST", rf"{API}/paths-info/(?P<revision>.+)", paths_info),
    ("POST", rf"{API}/preupload/(?P<revision>.+)", preupload),
    ("POST", rf"{API}/commit/(?P<revision>.+)", commit),
    ("POST", rf"{API}/tag/(?P<revision>.+)", tag),
    ("POST", rf"/(?:(?P<kind>datasets)/)?{NAME}\.git/info/lfs/objects/batch", large_files),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]+)", store_large),
    ("HEAD|GET", rf"/(?:(?P<kind>datasets)/)?{NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", resolve),
]
