"""A client that asks a page every 5 ms, as a program of its own.

``python -m bench.poller PORT`` asks a port of this host; ``python -m bench.poller SOCKET LABEL`` asks the engine
for the running containers with a label first, and tries them one after the other, the newest first, as a proxy
does that discovers containers.

Prints a line once the page answers; at the end of standard input one line of JSON: how long nobody answered at the
longest (from the beginning of the first question that failed to the end of the next answer), and how many failed.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections.abc import Callable

EVERY_S = 0.005
PATIENCE_S = 0.05
LAST_S = 15.0
"""How long an answer is waited for after the end."""

INSIDE = 8080
QUESTION = b"GET / HTTP/1.0\r\n\r\n"


def answers(address: str, port: int) -> bool:
    """Whether the page answers, within ``PATIENCE_S`` for each step."""
    try:
        with socket.create_connection((address, port), timeout=PATIENCE_S) as connection:
            connection.sendall(QUESTION)
            return b" 200 " in connection.recv(256)
    except OSError:
        return False


def discovering(path: str, label: str) -> Callable[[], bool]:
    """Asks whoever runs with the label now."""
    from bench.raw import Raw  # noqa: PLC0415  (only this way of asking needs it)

    raw = Raw(path)

    def ask() -> bool:
        rows = [row for row in raw.containers(label) if row["State"] == "running"]
        networks = [row["NetworkSettings"]["Networks"] for row in rows]
        addresses = [network["bridge"]["IPAddress"] for network in networks if "bridge" in network]
        return any(answers(address, INSIDE) for address in addresses if address)

    return ask


def watch(ask: Callable[[], bool]) -> None:
    """Ask until nobody listens to us any more, and until there is an answer."""
    failing_since, longest, failed, told, over = 0.0, 0.0, 0, False, 0.0
    while not over or (failing_since and time.perf_counter() < over + LAST_S):
        if not over and select.select([sys.stdin], [], [], 0)[0]:
            over = time.perf_counter()
        began = time.perf_counter()
        if ask():
            longest = max(longest, time.perf_counter() - failing_since) if failing_since and told else longest
            failing_since = 0.0
            if not told:
                told = True
                print("answers", flush=True)
        else:
            failing_since = failing_since or began
            failed += told
        time.sleep(max(EVERY_S - (time.perf_counter() - began), 0))
    print(json.dumps({"longest_s": longest, "failed": failed, "answers": not failing_since}), flush=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    watch(discovering(*words) if len(words) == 2 else lambda: answers("127.0.0.1", int(words[0])))
