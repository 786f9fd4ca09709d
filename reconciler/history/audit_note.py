"""What the controller found wrong with the audit log when it last looked, for commands beside it to tell."""

from __future__ import annotations

from typing import Final

from reconciler.history.part import Part

_KEY: Final = "audit"


class AuditNote(Part):
    """Note and read. Written only when it changes."""

    def note_audit(self, problem: str) -> None:
        """The audit log is broken in this way, or as it was written ("")."""
        if problem == self.audit_problem():
            return
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
                (_KEY, problem),
            )

    def audit_problem(self) -> str:
        """What was found last; "" for nothing."""
        with self._database.read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
        return str(row["value"]) if row else ""
