"""Asking servers, which may fail: within a time limit, a bounded number of times, with one line at the end."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from pipeline.core.errors import StageError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long an answer may take, and how often it is asked for."""

    seconds: float = 60.0
    attempts: int = 4
    first_wait_s: float = 1.0

    def of(self, call: Callable[[], Result], url: str) -> Result:
        """The result of `call`, tried again after faults that may pass.

        Raises:
            StageError: when the last attempt fails too, or at once for a fault that will not pass.
        """
        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential_jitter(self.first_wait_s, 30.0, jitter=self.first_wait_s / 2),
            reraise=True,
        )
        try:
            return retrying(_within, self.seconds, call)
        except StageError:
            raise
        except Exception as error:  # each store raises kinds of its own
            tried = f" ({self.attempts} attempts)" if _may_pass(error) else ""
            raise StageError(f"{url}: {_in_words(error)}{tried}") from None


PATIENCE = Patience()


def _within(seconds: float, call: Callable[[], Result]) -> Result:
    """The result of `call`, which may take so long; what takes longer is left behind."""
    answers: list[Any] = []

    def answer() -> None:
        try:
            answers.append((True, call()))
        except BaseException as error:  # raised again in the caller's thread
            answers.append((False, error))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise TimeoutError(f"no answer within {seconds:g} s")
    done, result = answers[0]
    if not done:
        raise result
    return result


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in (408, 429)
    if isinstance(error, FileNotFoundError | PermissionError):
        return False
    return isinstance(error, urllib.error.URLError | http.client.HTTPException | ConnectionError | TimeoutError)


def _in_words(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        way = {401: "it wants a login", 403: "it is not for everybody", 404: "check the address"}
        return f"the server answers {error.code} ({error.reason}); {way.get(error.code, 'try again later')}"
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the address"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    said = " ".join(str(reason).split())[:150] or type(error).__name__
    return f"cannot be read ({said}); check the address, the network and the login"


def request(url: str, method: str, **headers: str) -> Any:
    """The open answer of an HTTP server."""
    asked = urllib.request.Request(url, method=method, headers={"Accept-Encoding": "identity", **headers})
    return urllib.request.urlopen(asked, timeout=PATIENCE.seconds)


def http_mark(headers: Any) -> str:
    """What tells one state of a file from another, by an HTTP server's answer."""
    return headers.get("ETag") or headers.get("Last-Modified") or ""
