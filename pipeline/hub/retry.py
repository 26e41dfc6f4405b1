"""Trying again what may pass by itself, a bounded number of times, and saying in one line what did not pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError, HTTPError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from pipeline.core.errors import StageError

Result = TypeVar("Result")

CONFLICT = 412
"""Another commit came first, or our own, whose answer was lost; every attempt begins by looking which."""
MAY_PASS = (408, 429, CONFLICT)


@dataclass(frozen=True)
class Patience:
    """How long to go on trying."""

    attempts: int = 5
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0

    def of(self, call: Callable[[], Result], what: str, say: Callable[[str], None]) -> Result:
        """The result of `call`, tried again after faults that may pass.

        Raises:
            StageError: when the last attempt fails too, or at once for a fault that will not pass.
        """
        retrying = Retrying(
            retry=retry_if_exception(may_pass),
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential_jitter(self.first_wait_s, self.longest_wait_s, jitter=self.first_wait_s / 2),
            before_sleep=lambda state: say(f"{what}: {_told(state)}"),
            reraise=True,
        )
        try:
            return retrying(call)
        except (HTTPError, RuntimeError, OSError) as error:
            if not _from_the_way(error):
                raise
            tried = f" ({self.attempts} attempts)" if may_pass(error) else ""
            raise StageError(f"{what}: {in_words(error)}{tried}") from None


def _told(state: RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0
    return f"{in_words(error)}; attempt {state.attempt_number + 1} in {wait:.1f} s"


def _from_the_way(error: BaseException) -> bool:
    """Whether a fault came from the Hub or the way to it, and not from our own code or disk (which has an errno)."""
    if isinstance(error, RuntimeError):
        return may_pass(error)
    return isinstance(error, (HTTPError, ConnectionError)) or getattr(error, "errno", None) is None


def may_pass(error: BaseException | None) -> bool:
    """Whether a fault may be gone a moment later: the server's own, a cut connection, no answer in time.

    The library reports an upload that failed after its own retries as a RuntimeError with the fault as its cause; Xet
    reports its faults as Python's own ConnectionError and TimeoutError.
    """
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code >= 500 or error.response.status_code in MAY_PASS
    if isinstance(error, RuntimeError):
        return error.__cause__ is not None and may_pass(error.__cause__)
    return isinstance(error, (HTTPError, ConnectionError, TimeoutError))


def in_words(error: BaseException | None) -> str:
    """A fault of the Hub or of the way to it, in one line with the way on."""
    if isinstance(error, RuntimeError):
        return in_words(error.__cause__)
    if not isinstance(error, HfHubHTTPError):
        return f"no answer from the Hub ({type(error).__name__}: {error}); check the network, the token and HF_ENDPOINT"
    status = error.response.status_code
    said = error.server_message or str(error).strip().splitlines()[0]
    if status == 401:
        return "the Hub does not accept the token; `hf auth login` stores another, HF_TOKEN goes before it"
    if status == 403:
        return f"the token has no right to do this ({said}); give it the right to write there"
    if status == 404:
        return "there is no such repository, or the token may not see it; check the name"
    if status == CONFLICT:
        return "another commit came first"
    return f"the Hub answers {status} ({said})"
