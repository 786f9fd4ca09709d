"""A receiver of webhooks: keeps what it is sent, and answers as it is told to."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Manner = Literal["well", "hang", "cut", "garbage", "endless", "fail", "busy", "refuse", "redirect"]
STATUSES = {"fail": 500, "busy": 429, "refuse": 403, "redirect": 307}


@dataclass(frozen=True, slots=True)
class Request:
    """One POST as it came in; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Webhook:
    """Listens at ``url`` while it is entered; ``received`` is every body, in order, also of those that were not
    answered well. ``manner`` is how it answers now, ``location`` where a redirect leads.
    """

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.requests: list[Request] = []
        self.manner: Manner = "well"
        self.location = ""
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append(Request(self.path, headers, body))
                outer.received.append(json.loads(body))
                outer._answer(self)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        manner = self.manner
        match manner:
            case "hang":
                self._ended.wait(60)
            case "cut":
                handler.connection.shutdown(socket.SHUT_RDWR)
            case "garbage":
                handler.wfile.write(b"\0\xffnothing of HTTP\r\n\r\n")
            case "endless":
                self._send_endlessly(handler)
            case _:
                handler.send_response(STATUSES.get(manner, 200))
                if manner == "redirect":
                    handler.send_header("Location", self.location)
                if manner == "busy":
                    handler.send_header("Retry-After", "7")
                handler.end_headers()

    def _send_endlessly(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not self._ended.is_set():
                handler.wfile.write(b"x" * 65536)
                time.sleep(0.01)
        except OSError:
            return  # whoever asked has left

    def alerts(self) -> list[tuple[str, str]]:
        """Name and status (``firing``, ``resolved``) of every alert that was received, in order."""
        return [(item["labels"]["alertname"], item["status"]) for body in self.received for item in body["alerts"]]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
