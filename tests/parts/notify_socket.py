"""A service manager's side of the socket at which it is told how a program is (sd_notify(3))."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

READ_EVERY_S = 0.1


class NotifySocket:
    """Reads at once what it is told at ``address``: the kernel keeps ten messages, and what comes then is lost."""

    def __init__(self, listening: socket.socket, address: str) -> None:
        self.address = address
        self._listening = listening
        self._heard: list[str] = []
        self._ended = threading.Event()

    def listen(self) -> None:
        """Until it is ended, and all is read that was told before."""
        while True:
            try:
                self._heard.append(self._listening.recv(4096).decode())
            except TimeoutError:
                if self._ended.is_set():
                    return

    def end(self) -> None:
        self._ended.set()

    def hears(self, word: str) -> bool:
        """Whether it was told something that begins so."""
        return any(line.startswith(word) for line in list(self._heard))

    def told(self) -> list[str]:
        """All that it was told, in order, once nothing more has come for a while."""
        known = -1
        while known != len(self._heard):
            known = len(self._heard)
            threading.Event().wait(2 * READ_EVERY_S)
        return list(self._heard)


@contextmanager
def notify_socket(address: str) -> Iterator[NotifySocket]:
    """``address`` is a path, or ``@`` and the name of an abstract socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(READ_EVERY_S)
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        manager = NotifySocket(listening, address)
        thread = threading.Thread(target=manager.listen)
        thread.start()
        try:
            yield manager
        finally:
            manager.end()
            thread.join()
