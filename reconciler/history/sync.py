"""Since when a document has been in sync, or out of it. Written only when the word changes."""

from __future__ import annotations

from reconciler.history.database import Database
from reconciler.history.part import Clock, Part
from reconciler.history.rows import Rebuild


class SyncLog(Part):
    """The last change of every document's sync; in memory, since every pass asks for every document."""

    def __init__(self, database: Database, *, clock: Clock, rebuild: Rebuild) -> None:
        super().__init__(database, clock=clock, rebuild=rebuild)
        with database.read() as connection:
            rows = connection.execute("SELECT document, sync, since FROM sync").fetchall()
        # Only who holds the state directory's lock writes this table, so what is in memory stays true.
        self._sync: dict[str, tuple[str, float]] = {row["document"]: (row["sync"], row["since"]) for row in rows}

    def note_sync(self, document: str, sync: str, at: float) -> None:
        """The document's sync is this word, seen at ``at`` (seconds since the epoch)."""
        if self._sync.get(document, ("",))[0] == sync:
            return
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO sync (document, sync, since) VALUES (?1, ?2, ?3)"
                " ON CONFLICT DO UPDATE SET sync = ?2, since = ?3",
                (document, sync, at),
            )
        self._sync[document] = (sync, at)

    def drift_since(self, document: str) -> float:
        """When the document's sync last changed, in seconds since the epoch; 0.0: never noted."""
        return self._sync.get(document, ("", 0.0))[1]
