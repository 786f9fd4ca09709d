"""The warm process: has imported the program, and forks a command that begins at once for everybody who asks.

A program of its own (``python -m tests.parts.warm_server SOCKET ROOM``), started by ``warm``; one thread. It never
runs a command itself, so that nothing of one command can get into the next. In its child all is as in a fresh
``python -m reconciler``: environment, folder, streams, signals, arguments (in /proc too), exit. Only what the
interpreter itself reads of the environment when it starts (``PYTHON...``, the locale) is as it was in here.

Invariant: it ends with the process that started it, and then its commands end too.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "reconciler"
LAZY = (
    "aiohttp.web",
    "concurrent.futures.thread",
    "deepdiff",
    "docker",
    "prometheus_client",
    "pyrage",
    "rich.live",
    "rich.table",
    "watchfiles",
)
"""What the program's functions import, beside modules of the program."""

LONGEST = 1 << 17
_ARGUMENTS_AT = 48 - 3
"""``arg_start`` in /proc/self/stat, counted from behind the name of the program (proc(5))."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A command to run: its words, all of its environment, its folder, its three streams, and where to tell its
    process id and its end.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    streams: tuple[int, int, int]
    report: socket.socket


def warm_up() -> None:
    """Import all that a command may import."""
    for module in pkgutil.walk_packages(importlib.import_module(PROGRAM).__path__, f"{PROGRAM}."):
        if not (
            module.name.endswith("__main__") or ".migrations." in module.name
        ):  # that one is run, those Alembic runs
            importlib.import_module(module.name)
    for name in LAZY:
        importlib.import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == threading.active_count() == 1, (
        "only one thread can fork"
    )
    gc.collect()
    gc.freeze()  # else the first collection of every child would copy all of it


def next_order(asked: socket.socket) -> Order | None:
    """What is asked for next; None when nobody is there any more."""
    text, handles, _, _ = socket.recv_fds(asked, LONGEST, 4)
    if not text:
        return None
    told = json.loads(text)
    *streams, report = handles
    return Order(
        words=tuple(told["words"]),
        environment=told["environment"],
        folder=told["folder"],
        streams=(streams[0], streams[1], streams[2]),
        report=socket.socket(fileno=report),
    )


def serve(asked: socket.socket) -> Order | None:
    """Returns in each child, with its order, and at the very end None."""
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        running: dict[int, tuple[int, socket.socket]] = {}
        while True:
            for key, _ in selector.select():
                if key.fd in running:
                    selector.unregister(key.fd)
                    _tell_end(key.fd, *running.pop(key.fd))
                    continue
                order = next_order(asked)
                if order is None:
                    _end_all(running)
                    return None
                pid = os.fork()
                if pid == 0:
                    return order
                _tell(order.report, pid)
                for stream in order.streams:
                    os.close(stream)
                handle = os.pidfd_open(pid)
                running[handle] = pid, order.report
                selector.register(handle, selectors.EVENT_READ)


def _tell(report: socket.socket, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # who asked does not want to know any more
        report.send(b"%d\n" % number)


def _tell_end(handle: int, pid: int, report: socket.socket) -> None:
    """Tell the status while the process is still a zombie: whoever is told has not lost its id to another yet."""
    os.close(handle)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    _tell(report, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
    report.close()
    os.waitpid(pid, 0)


def _end_all(running: Mapping[int, tuple[int, socket.socket]]) -> None:
    """Nobody asks for these commands any more. None of them is reaped yet: each id is still the command's."""
    for handle, (pid, report) in running.items():
        os.kill(pid, signal.SIGKILL)
        _tell_end(handle, pid, report)


def become(order: Order) -> None:
    """Make of this child what a fresh interpreter would be. Only what is inherited on purpose stays open."""
    for number, stream in enumerate(order.streams):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    os.chdir(order.folder)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]  # a text stream
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [PROGRAM, *order.words]
    sys.path[0] = order.folder
    _show_arguments([sys.executable, "-m", PROGRAM, *order.words])


def _show_arguments(arguments: list[str]) -> None:
    """In /proc/.../cmdline, for whoever looks there for what must not be said in arguments."""
    text = b"".join(word.encode() + b"\0" for word in arguments)
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = map(int, fields[_ARGUMENTS_AT : _ARGUMENTS_AT + 2])
    assert len(text) <= end - begin, f"{len(text)} bytes of arguments do not fit into {end - begin}"
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(begin)
        memory.write(text.ljust(end - begin, b"\0"))


def run() -> None:
    """Run the program, and end as an interpreter does, but for taking its modules apart: in a child, where each is
    a copy, that costs more than most commands do.
    """
    try:
        runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at the end of every program
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


def main() -> None:
    """Serve; in a child, be the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asks, and for the commands
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        warm_up()
        order = serve(asked)
    if order is not None:
        order.report.detach()
        become(order)
        run()


if __name__ == "__main__":
    main()
