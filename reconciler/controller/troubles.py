"""Troubles: what is wrong and lasts, told once when it begins and once when it has passed.

Decides when a line is worth its place in the log. What follows from a trouble is for those who have it.
"""

from __future__ import annotations

import logging

from reconciler.errors import ReconcilerError

# The standard library's: commands have troubles seldom, and structlog is a fifth of what they load.
log = logging.getLogger("reconciler")


class Troubles:
    """Known by what cannot be done and by the kind of error. Safe for use from many threads."""

    def __init__(self) -> None:
        self._lasting: set[tuple[str, str]] = set()

    def begins(self, what: str, error: Exception) -> None:
        """Tell it unless it is known already; a bug (any error that is not ours) with its traceback."""
        kind = (what, type(error).__name__)
        if kind in self._lasting:
            return
        self._lasting.add(kind)
        if isinstance(error, ReconcilerError):
            log.warning("%s", what, extra={"error": str(error)})
        else:
            log.error("%s; this is a bug, please report it", what, exc_info=error)

    def ends(self, what: str, *, told: str) -> None:
        """It is so no more; ``told`` is the line that says so, if the trouble was ever told."""
        known = {kind for kind in tuple(self._lasting) if kind[0] == what}
        self._lasting -= known
        if known:
            log.info("%s", told)

    def stands(self, what: str, error: Exception | None, *, told: str) -> None:
        """It begins, lasts or ends, by whether there is an ``error``."""
        if error is None:
            self.ends(what, told=told)
        else:
            self.begins(what, error)
