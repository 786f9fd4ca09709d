"""Requests are found in a byte stream however it is cut."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.parts.http_stream import Request, RequestReader

_PATHS = st.from_regex(r"\A/[a-z0-9/._?=%-]{0,30}\Z")
_BODIES = st.binary(max_size=60) | st.just(b"GET /trap HTTP/1.1\r\n\r\n") | st.just(b"0\r\n\r\n")


def plain(method: str, path: str, body: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: docker\r\n"
    length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    return (head + length + "\r\n").encode() + body


def chunked(method: str, path: str, body: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: Chunked\r\n\r\n".encode()
    pieces = [body[i : i + 7] for i in range(0, len(body), 7)]
    chunks = b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + chunks + b"0\r\nTrailer: x\r\n\r\n"


_REQUESTS = st.tuples(
    st.sampled_from([plain, chunked]), st.sampled_from(["GET", "POST", "DELETE"]), _PATHS, _BODIES
)


@given(requests=st.lists(_REQUESTS, max_size=5), cuts=st.lists(st.integers(0, 600), max_size=12))
def test_requests_are_found_however_the_bytes_are_cut(
    requests: list[tuple[object, str, str, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(write(method, path, body) for write, method, path, body in requests)  # type: ignore[operator]
    reader = RequestReader()
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found = [request for start, stop in itertools.pairwise(places) for request in reader.feed(stream[start:stop])]
    assert found == [Request(method, path) for _, method, path, _ in requests]


def test_after_an_upgrade_the_connection_is_no_longer_read_as_http() -> None:
    reader = RequestReader()
    upgrade = b"POST /exec/1/start HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    assert reader.feed(upgrade + b"GET /typed-by-a-user HTTP/1.1\r\n\r\n") == [Request("POST", "/exec/1/start")]
    assert reader.feed(b"GET /more HTTP/1.1\r\n\r\n") == []


def test_repeated_headers_are_kept_and_names_are_lower_case() -> None:
    (request,) = RequestReader().feed(b"GET / HTTP/1.1\r\nAccept: a\r\nACCEPT: b\r\n\r\n")
    assert request.headers == (("accept", "a"), ("accept", "b"))
    assert request.header("accept") == "a"
    assert request.header("host") == ""
