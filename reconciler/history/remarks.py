"""What the controller found last of things that are no documents, for commands beside it to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.history.part import Part

_CHANNEL: Final = "channel "


class Remarks(Part):
    """Note and read. Written only when something changes."""

    def note_audit(self, problem: str) -> None:
        """The audit log is broken in this way, or as it was written ("")."""
        self._remark("audit", problem)

    def audit_problem(self) -> str:
        """What was found last; "" for nothing."""
        return self._remarked("audit")

    def note_channel(self, channel: str, problem: str) -> None:
        """A channel of notifications does not deliver, for this reason, or delivers ("")."""
        self._remark(f"{_CHANNEL}{channel}", problem)

    def channel_problems(self) -> Mapping[str, str]:
        """Channels whose last letter was given up, by name, and why."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT key, value FROM meta WHERE key LIKE ? || '%'", (_CHANNEL,)
            ).fetchall()
        return {row["key"].removeprefix(_CHANNEL): row["value"] for row in rows if row["value"]}

    def _remark(self, about: str, text: str) -> None:
        if text == self._remarked(about):
            return
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", (about, text)
            )

    def _remarked(self, about: str) -> str:
        with self._database.read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (about,)).fetchone()
        return str(row["value"]) if row else ""
