"""Commands in containers that run, and what containers say while they say it.

The engine can begin a command in a container and tell how it ended; it has no way to end one (Engine API, "Exec").
Who begins one has to be able to do that otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from reconciler.engine.connection import Answer, Request, route
from reconciler.engine.reads import EngineReads
from reconciler.engine.transport import BROKEN, Response

CHUNK: Final = 64 * 1024
_HEADER: Final = struct.Struct(">BxxxL")


@dataclass(frozen=True, slots=True)
class CommandState:
    """``exit_code`` is None while it runs."""

    running: bool
    exit_code: int | None


class Saying:
    """What is said, in pieces as they come, without the frames around them; for one reading thread."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Ends with what is said, with the connection, or quietly after ``close``."""
        head, left = b"", 0
        try:
            for chunk in self._response.chunks(CHUNK):
                rest = chunk
                while rest and not self._closed:
                    if left:
                        piece, rest = rest[:left], rest[left:]
                        left -= len(piece)
                        yield piece
                    else:
                        missing = _HEADER.size - len(head)
                        head, rest = head + rest[:missing], rest[missing:]
                        if len(head) == _HEADER.size:
                            head, left = b"", int(_HEADER.unpack(head)[1])
        except BROKEN:
            return  # what became of the command is asked otherwise
        finally:
            self._response.close()

    def close(self) -> None:
        """End it: from any thread, any number of times."""
        self._closed = True
        with suppress(ValueError, RuntimeError, OSError):  # it is over already, which is what was wanted
            self._response.shutdown()


class EngineCommands(EngineReads):
    """In containers by their full id."""

    def main_process(self, container_id: str) -> int:
        """Its number where the engine runs; 0 where none runs."""
        told = self._container(container_id)
        return 0 if told is None else int(told["State"].get("Pid") or 0)

    def prepare_command(self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]) -> str:
        """Id of a command that is not begun. Raises NotFound, EngineRefused for a container that does not run."""
        doing = f"preparing a command in container {container_id[:12]}"
        body = {
            "Cmd": list(argv),
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "AttachStdout": True,
            "AttachStderr": True,
        }
        request = Request(method="POST", path=route("/containers/{}/exec", container_id), body=body)
        return str(self._connection.send(doing, request).must(doing).json["Id"])

    def begin_command(self, command_id: str) -> Saying:
        """Begin it, and hear what it says."""
        body = {"Detach": False, "Tty": False}
        path = route("/exec/{}/start", command_id)
        return self._saying("beginning a command", Request(method="POST", path=path, body=body, timeout_s=None))

    def command_state(self, command_id: str) -> CommandState | None:
        """None when its container is gone."""
        told: dict[str, Any] | None = self._look("asking after a command", route("/exec/{}/json", command_id))
        return None if told is None else CommandState(bool(told["Running"]), told["ExitCode"])

    def follow(self, container_id: str) -> Saying:
        """All that a container without a terminal says, until it ends. Raises NotFound."""
        params = {"stdout": "1", "stderr": "1", "follow": "1"}
        path = route("/containers/{}/logs", container_id)
        request = Request(method="GET", path=path, params=params, timeout_s=None)
        return self._saying(f"following container {container_id[:12]}", request)

    def _saying(self, doing: str, request: Request) -> Saying:
        response = self._connection.open(doing, request)
        if response.status < 400:
            return Saying(response)
        with response:
            answer = Answer(response.status, response.read())
        raise answer.refusal(doing)
