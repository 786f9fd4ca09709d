"""A server on a unix socket that answers as a test says: for engines that are too old, broken or mute."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64"}


class Exchange(BaseHTTPRequestHandler):
    """One request; ``say`` answers it with JSON, ``begin`` and ``chunk`` with a stream."""

    protocol_version = "HTTP/1.1"
    server: ScriptedEngine

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append((self.path, dict(self.headers), self.rfile.read(length)))
        path = self.path.partition("?")[0]
        path = path if path == "/version" else "/" + path.split("/", 2)[2]
        script = self.server.scripts.get(path)
        if script is None:
            self.say({"message": f"page {path} not found"}, status=404)
        elif callable(script):
            script(self)
        else:
            self.say(script)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  (the base class's names)

    def say(self, content: Any, *, status: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, content: bytes) -> None:
        """Empty: the end of the stream."""
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Quiet."""


class ScriptedEngine(socketserver.ThreadingUnixStreamServer):
    """``scripts``: path without the version -> JSON to answer, or a function of the ``Exchange``. ``ended`` is
    set when the test is over, for scripts that hang. ``connections`` were made, ``left`` of them ended by us.
    """

    daemon_threads = True

    def __init__(self, scripts: dict[str, Any] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="scripted-", dir="/tmp"))
        super().__init__(self._address(), Exchange)
        self.connections = 0
        self.left = 0
        self.scripts: dict[str, Any | Callable[[Exchange], None]] = {"/version": VERSION, **(scripts or {})}
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def _address(self) -> Any:
        return str(self.folder / "engine.sock")

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/engine.sock"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.left += 1

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests go away in the middle of answers."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        shutil.rmtree(self.folder)


class ScriptedTcpEngine(ScriptedEngine):
    """The same behind a port of this machine."""

    address_family = socket.AF_INET

    def _address(self) -> Any:
        return ("127.0.0.1", 0)

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
