"""The double's HTTP: one handler, a table of routes, and faults on order."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.hub_double import routes
from tests.hub_double.faults import Faults
from tests.hub_double.store import Account, HubError, Store


@dataclass
class Hub:
    """A running double."""

    url: str
    store: Store = field(default_factory=Store)
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """`METHOD path` of everything that was asked."""

    def asked(self, pattern: str) -> int:
        """How many requests match."""
        return sum(bool(re.search(pattern, request)) for request in self.requests)


@contextmanager
def running_hub(accounts: dict[str, Account]) -> Iterator[Hub]:
    """A double that answers on a free port of 127.0.0.1 until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = server.hub = Hub(f"http://127.0.0.1:{server.server_port}", Store(accounts))  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Request:
    """What a route is given."""

    hub: Hub
    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    account: Account | None

    def json(self) -> Any:
        return json.loads(self.body)

    def demand_account(self) -> Account:
        if self.account is None:
            raise HubError(401, "", "Invalid username or password.")
        return self.account


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, else each answer waits for an acknowledgement

    def _answer(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        path = unquote(urlsplit(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        fault = hub.faults.take(self.command, path)
        if fault == "cut":
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self.close_connection = True
            return
        body = self._body()
        if fault == "503":
            self._send(503, b"busy", {})
            return
        if fault == "race":
            routes.commit_by_another(hub, path)
        try:
            status, content, headers = routes.answer(self._request(hub, path, body))
        except HubError as error:
            said = {"X-Error-Message": error.message} | ({"X-Error-Code": error.code} if error.code else {})
            status, content, headers = error.status, json.dumps({"error": error.message}).encode(), said
        if fault == "lose":
            self.close_connection = True
            return
        self._send(status, content, headers)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _request(self, hub: Hub, path: str, body: bytes) -> Request:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in hub.store.accounts and not path.startswith("/lfs/"):
            raise HubError(401, "", "Invalid credentials in Authorization header")
        return Request(hub, self.command, path, body, dict(self.headers), hub.store.accounts.get(token))

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
