"""What an operator needs to see of a container that failed, as a few lines of an error message.

Container output is hostile text: it is stripped of terminal control and bounded before it goes anywhere. It
also is indiscreet: what the container's environment holds as a secret, and credentials in URLs, are masked
before anything is cut, since half a secret would no longer be known as one. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from reconciler.core.display import secret_values, without, without_credentials
from reconciler.core.observation import ContainerDetail
from reconciler.core.secret import PLACEHOLDER

LIMIT_BYTES = 2048
CUT = "…"

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
"""Terminal sequences as ECMA-48 writes them: CSI, OSC up to its end, and the short ones."""


def evidence(
    detail: ContainerDetail | None,
    log_lines: Iterable[str],
    *,
    environment: Mapping[str, str],
    opened: Iterable[str] = (),
) -> str:
    """Exit code, the engine's own error, the last health probe and the last log lines; each piece that there
    is begins on a new line. At most ``LIMIT_BYTES`` of UTF-8: the newest log lines survive a cut.
    ``environment``: that of the live container, whose secrets are masked. ``opened`` are spellings of secrets that
    were opened.
    """
    secrets = tuple(filter(None, map(plain, secret_values(environment))))
    words = tuple(filter(None, map(plain, opened)))
    pieces = (without(piece, words, mask=PLACEHOLDER) for piece in _pieces(detail))
    head = "".join(f"\n  {_discreet(piece, secrets)}" for piece in pieces)
    said = (without(plain(line), words, mask=PLACEHOLDER) for line in log_lines)
    lines = [_discreet(text, secrets) for text in said if text]
    tail = "".join(f"\n    {line}" for line in lines)
    title = "\n  last log lines:" if tail else ""
    head = _first_bytes(head, LIMIT_BYTES // 2)
    return head + title + _last_bytes(tail, LIMIT_BYTES - len((head + title).encode()))


def spoken(
    log_lines: Iterable[str], *, environment: Mapping[str, str], opened: Iterable[str] = (), limit: int
) -> str:
    """What a container said, one line each, as discreet as ``evidence``; at most ``limit`` bytes of UTF-8, the
    newest of it. ``opened`` are spellings of opened secrets.
    """
    secrets = tuple(filter(None, map(plain, secret_values(environment))))
    words = tuple(filter(None, map(plain, opened)))
    said = (without(plain(line), words, mask=PLACEHOLDER) for line in log_lines)
    lines = (_discreet(text, secrets) for text in said if text)
    return _last_bytes("\n".join(lines), limit)


def plain(text: str) -> str:
    """One line of text without terminal sequences, control, formatting and unassigned characters."""
    kept = (" " if char in "\t\r\n" else char for char in _ESCAPE.sub("", text))
    return "".join(char for char in kept if unicodedata.category(char)[0] != "C").rstrip()


def _discreet(text: str, secrets: tuple[str, ...]) -> str:
    return without_credentials(without(text, secrets))


def _pieces(detail: ContainerDetail | None) -> Iterable[str]:
    if detail is None:
        return
    if detail.status in {"exited", "dead", "restarting"}:
        yield f"exit code {detail.exit_code}"
    if detail.error:
        yield f"engine: {plain(detail.error)}"
    if detail.health_log:
        yield f"last health check: {plain(detail.health_log[-1]) or '(no output)'}"


def _first_bytes(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - len(CUT.encode())].decode(errors="ignore") + CUT


def _last_bytes(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else CUT + raw[len(raw) - limit + len(CUT.encode()) :].decode(errors="ignore")
