"""HTTP over a unix socket, against a peer that says exactly what a test wants."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.engine.unix_transport import UnixResponse, UnixTransport

CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part of it"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ODD = b"HTTP/1.1 103 Early Hints\r\n\r\n"


@contextmanager
def saying(path: Path, *connections: tuple[bytes, ...]) -> Iterator[UnixTransport]:
    """Each connection gives its answers, one to each request, and ends."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        for answers in connections:
            connection, _ = listening.accept()
            with connection:
                for answer in answers:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    transport = UnixTransport(str(path))
    try:
        yield transport
    finally:
        transport.close()
        thread.join(5)
        listening.close()
    assert not thread.is_alive()


def asked(transport: UnixTransport) -> UnixResponse:
    return transport.request("GET", "/", body=None, headers={}, timeouts=(2.0, 2.0))


def test_a_body_that_is_cut_is_never_taken_for_whole(tmp_path: Path) -> None:
    with saying(tmp_path / "socket", (CUT,), (CUT,), (CUT,)) as transport:
        with asked(transport) as answer, pytest.raises(http.client.IncompleteRead):
            list(answer.chunks(10))
        with asked(transport) as answer, pytest.raises(http.client.IncompleteRead):
            list(iter(lambda: answer.read(10), b""))
        with asked(transport) as answer, pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_a_whole_body_ends_and_its_connection_serves_the_next(tmp_path: Path) -> None:
    with saying(tmp_path / "socket", (WHOLE, WHOLE, WHOLE)) as transport:
        for _ in range(3):
            with asked(transport) as answer:
                assert b"".join(answer.chunks(10)) == b"ok"


def test_after_an_answer_that_is_not_the_last_the_connection_is_not_used_again(tmp_path: Path) -> None:
    with saying(tmp_path / "socket", (ODD + WHOLE,), (WHOLE,)) as transport:
        with asked(transport) as answer:
            assert answer.status == 103
        with asked(transport) as answer:
            assert (answer.status, answer.read()) == (200, b"ok")


def test_who_is_done_with_an_answer_cannot_cut_the_next_one(tmp_path: Path) -> None:
    with saying(tmp_path / "socket", (WHOLE, WHOLE)) as transport:
        first = asked(transport)
        assert first.read() == b"ok"
        first.close()
        second = asked(transport)
        first.shutdown()
        with second:
            assert second.read() == b"ok"


def test_what_was_shut_is_not_kept(tmp_path: Path) -> None:
    with saying(tmp_path / "socket", (WHOLE,), (WHOLE,)) as transport:
        first = asked(transport)
        assert first.read() == b"ok"
        first.shutdown()
        first.close()
        with asked(transport) as second:
            assert second.read() == b"ok"
