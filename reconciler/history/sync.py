"""Since when a document has been in sync, or out of it. Written only when the word changes."""

from __future__ import annotations

from reconciler.history.part import Part


class SyncLog(Part):
    """The last change of every document's sync."""

    def note_sync(self, document: str, sync: str, at: float) -> None:
        """The document's sync is this word, seen at ``at`` (seconds since the epoch)."""
        if self._sync(document)[0] == sync:
            return
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO sync (document, sync, since) VALUES (?1, ?2, ?3)"
                " ON CONFLICT DO UPDATE SET sync = ?2, since = ?3",
                (document, sync, at),
            )

    def drift_since(self, document: str) -> float:
        """When the document's sync last changed, in seconds since the epoch; 0.0: never noted."""
        return self._sync(document)[1]

    def _sync(self, document: str) -> tuple[str, float]:
        with self._database.read() as connection:
            row = connection.execute("SELECT sync, since FROM sync WHERE document = ?", (document,)).fetchone()
        return ("", 0.0) if row is None else (row["sync"], row["since"])
