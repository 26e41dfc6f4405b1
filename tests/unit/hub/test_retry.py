"""What is tried again, how often, and what is said of it."""

from __future__ import annotations

import importlib

import pytest
from huggingface_hub.errors import HfHubHTTPError, HTTPError

from pipeline.core.errors import StageError
from pipeline.hub.retry import Patience

http = importlib.import_module(HTTPError.__module__.split(".")[0])
"""httpx or httpx2, whichever this version of huggingface_hub speaks through."""
QUICK = Patience(attempts=4, first_wait_s=0.001, longest_wait_s=0.002)


def answered(status: int) -> HfHubHTTPError:
    response = http.Response(status, request=http.Request("POST", "http://127.0.0.1/api"))
    return HfHubHTTPError(f"{status} for url", response=response, server_message="said so")


def wrapped(error: Exception) -> RuntimeError:
    """As the library reports a large file that it could not upload."""
    fault = RuntimeError("Error while uploading 'model.safetensors' to the Hub.")
    fault.__cause__ = error
    return fault


def calls(errors):
    """A call that fails with each of `errors` in turn, then returns how often it was made."""
    made = []

    def call():
        made.append(1)
        if len(made) <= len(errors):
            raise errors[len(made) - 1]
        return len(made)

    return call, made


@pytest.mark.parametrize(
    "error",
    [answered(500), answered(503), answered(429), answered(412), http.ConnectError("refused"),
     http.ReadTimeout("slow"), http.RemoteProtocolError("cut"), wrapped(http.WriteError("cut")), wrapped(answered(502)), ConnectionError("Network error: as Xet says it"), TimeoutError("Xet again")],
)  # fmt: skip
def test_what_may_pass_is_tried_again_and_told(error):
    call, _ = calls([error, error])
    told = []
    assert QUICK.of(call, "org/name", told.append) == 3
    assert len(told) == 2 and told[0].startswith("org/name: ") and "attempt 2" in told[0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_what_will_not_pass_is_told_at_once(status):
    call, made = calls([answered(status)] * 9)
    with pytest.raises(StageError, match=r"^org/name: "):
        QUICK.of(call, "org/name", lambda line: None)
    assert len(made) == 1


def test_it_ends():
    call, made = calls([answered(503)] * 99)
    with pytest.raises(StageError, match=r"org/name: the Hub answers 503 \(said so\) \(4 attempts\)"):
        QUICK.of(call, "org/name", lambda line: None)
    assert len(made) == 4


def test_a_fault_of_our_own_is_not_taken_for_the_hubs():
    call, made = calls([RuntimeError("ours")])
    with pytest.raises(RuntimeError, match="ours"):
        QUICK.of(call, "org/name", lambda line: None)
    assert len(made) == 1


def test_a_full_or_closed_disk_is_not_taken_for_the_hub():
    call, made = calls([PermissionError(13, "Permission denied", "model.safetensors")])
    with pytest.raises(PermissionError):
        QUICK.of(call, "org/name", lambda line: None)
    assert len(made) == 1


def test_a_refusal_by_xet_is_told_at_once():
    call, made = calls([PermissionError("not allowed to write")])
    with pytest.raises(StageError, match="not allowed to write"):
        QUICK.of(call, "org/name", lambda line: None)
    assert len(made) == 1


def test_refusals_are_told_apart():
    words = set()
    for status in (401, 403, 404):
        with pytest.raises(StageError) as caught:
            QUICK.of(calls([answered(status)])[0], "org/name", lambda line: None)
        words.add(str(caught.value))
    assert len(words) == 3
