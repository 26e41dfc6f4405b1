"""Imported by Python itself at its start: a connection that would leave this machine is an error that ends the test."""

import sys


def _refuse(event: str, arguments: tuple) -> None:
    if (
        event == "socket.connect"
        and isinstance(arguments[1], tuple)
        and arguments[1][0] not in ("127.0.0.1", "::1", "localhost")
    ):
        raise RuntimeError(f"a test reaches for {arguments[1][0]}")


sys.addaudithook(_refuse)
