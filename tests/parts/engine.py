"""A private Docker engine: own data, own socket, own bridge; may be killed, started again, and removed for good.

Runs beside a host's engine and beside its like without touching them: iptables stays off (an engine flushes the
rules of another), published ports are served by the user-land proxy on 127.0.0.1, and containerd works in a name
space of its own, also where the host's containerd is shared.

Invariant: after ``remove`` nothing of the engine is left (``folder`` says how, and for what a killed owner left).
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.parts import engine_program, host
from tests.parts.bridge import claim_bridge
from tests.parts.folder import PrivateFolder

_READY_S = 120.0
"""One that starts a hundred containers again, beside other work."""
_STOP_S = 20.0


class PrivateEngine:
    """One dockerd, of the version that this run of the tests is for (``engine_program``). ``arguments`` are added
    to its command line (for example ``--live-restore``). ``inside``: what a command begins with that runs in a
    network namespace of its own, as on another machine; the engine does then.
    """

    private = True

    def __init__(self, *, arguments: Sequence[str] = (), inside: Sequence[str] = ()) -> None:
        if os.geteuid() != 0:
            raise host.PartFailed("a private Docker engine needs root: run as root")
        self.program = engine_program.chosen()
        self._private = PrivateFolder()
        self.folder = self._private.path
        self._inside = tuple(inside)
        if not inside:
            self.bridge = claim_bridge()
            self._private.note(self.bridge)
        (self.folder / "daemon.json").write_text("{}")  # else the host's own settings would apply
        self.socket = self.folder / "docker.sock"
        self.log = self.folder / "log"
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    @property
    def url(self) -> str:
        """For ``DOCKER_HOST`` and the SDK's ``base_url``."""
        return f"unix://{self.socket}"

    @property
    def version(self) -> tuple[int, ...]:
        """As ``(20, 10, 24)``: for what differs between versions."""
        return tuple(int(number) for number in self.program.version.split("."))

    @property
    def pid(self) -> int:
        """Process id of the running dockerd."""
        if self._process is None:
            raise host.PartFailed("the engine does not run")
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it answers. Raises PartFailed with the end of its log."""
        if self._process is not None:
            raise host.PartFailed("the engine runs already")
        self._process = host.start_daemon(self._command(), log=self.log, cwd=self.folder, path=self.program.path)
        if not host.wait_until(self._answers_or_ended, seconds=_READY_S) or self._process.poll() is not None:
            raise host.PartFailed(f"dockerd did not come up, log {self.log}:\n{host.tail(self.log)}")

    def stop(self) -> None:
        """SIGTERM: the engine stops its containers first (unless it runs with ``--live-restore``)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as in a crash: containers and their shims live on; stale pid files are removed."""
        self.kills += 1
        self._end(signal.SIGKILL)

    def leave_behind(self, container_id: str) -> None:
        """The folder of a shim, which an engine that is killed while it starts a container may leave of it."""
        runtime = self.folder / "exec/containerd/daemon/io.containerd.runtime.v2.task"
        (runtime / self.folder.name / container_id).mkdir(parents=True)

    def restart(self) -> None:
        """Stop in good order and start again."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """End everything that belongs to this engine and remove its files."""
        self._end(signal.SIGKILL)
        self._private.remove()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _command(self) -> list[str]:
        name = self.folder.name
        return [
            *self._inside,
            self.program.dockerd,
            f"--data-root={self.folder / 'data'}",
            f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.folder / 'pid'}",
            f"--host={self.url}",
            f"--config-file={self.folder / 'daemon.json'}",
            f"--containerd-namespace={name}",
            f"--containerd-plugins-namespace={name}-plugins",
            *self._network(),
            "--iptables=false",
            "--ip6tables=false",
            "--ip-masq=false",
            "--ip-forward=false",
            "--shutdown-timeout=5",
            # the engine's own retries of a broken layer take 75 s and would only hide what our code does
            "--max-download-attempts=1",
            *self._arguments,
        ]

    def _network(self) -> tuple[str, ...]:
        if self._inside:  # where nobody else is
            return ("--bip=198.19.255.1/24", "--default-address-pool=base=198.19.254.0/24,size=28")
        return (f"--bridge={self.bridge.name}", f"--default-address-pool=base={self.bridge.pool},size=28")

    def _answers_or_ended(self) -> bool:
        ended = self._process is None or self._process.poll() is not None
        return ended or answers(self.socket)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        host.end(self._process, how, seconds=_STOP_S)
        self._process = None
        # its containerd ends with it, a moment later; a pid file that stays makes the next start fail
        managed = str(self.folder / "exec/containerd/containerd.toml")
        if not host.wait_until(lambda: not any(host.processes_with(managed)), seconds=5):
            host.kill_all(managed)
        for stale in (self.folder / "pid", self.folder / "exec/containerd/containerd.pid"):
            stale.unlink(missing_ok=True)


class HostEngine:
    """An engine that was here before us: used as it is, never reconfigured, never stopped."""

    private = False

    def __init__(self, socket_path: Path) -> None:
        self.socket = socket_path

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It stays."""


def find_engine() -> PrivateEngine | HostEngine:
    """The engine of ``DOCKER_HOST`` or of the default socket when it answers, else a private one (not started:
    use it in a ``with`` block). Engines on other machines are passed over: they can't reach our registry.
    """
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if address.startswith("unix://") and answers(Path(address.removeprefix("unix://"))):
        return HostEngine(Path(address.removeprefix("unix://")))
    return PrivateEngine()


def answers(path: Path) -> bool:
    """Whether an engine answers a ping on the unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=2)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(2)
        connection.sock.connect(str(path))
        connection.request("GET", "/_ping")
        return connection.getresponse().read() == b"OK"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
