"""How a document stands beside its operations: heals, hold, quarantine's end, suspension, backoff.

The part of the journal that the loop and operators write. A call that changes nothing writes nothing.
"""

from __future__ import annotations

from reconciler.core.desired import Suspension
from reconciler.history.part import Part

KEPT_HEALS = 20


class Standing(Part):
    """What holds a document back, and who or what let it go."""

    def healed(self, document: str, *, cause: str) -> None:
        """Count one heal, now. The newest twenty are kept."""
        with self._writing(document) as connection:
            self._ensure(connection, document)
            connection.execute(
                "INSERT INTO heals (document, at, cause) VALUES (?, ?, ?)", (document, self._clock(), cause)
            )
            connection.execute(
                "DELETE FROM heals WHERE document = ?1 AND id <= "
                "(SELECT id FROM heals WHERE document = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (document, KEPT_HEALS),
            )

    def hold(self, document: str, *, reason: str) -> None:
        """Stop healing until released or cleared."""
        with self._writing(document) as connection:
            self._ensure(connection, document)
            connection.execute("UPDATE documents SET held = ?2 WHERE name = ?1 AND held != ?2", (document, reason))

    def release(self, document: str) -> None:
        """End a hold and forget recent heals."""
        with self._writing(document) as connection:
            connection.execute("UPDATE documents SET held = '' WHERE name = ? AND held != ''", (document,))
            connection.execute("DELETE FROM heals WHERE document = ?", (document,))

    def clear(self, document: str) -> bool:
        """A person ends quarantine, hold and backoff, and lets hooks that were interrupted run again. True when
        there was something to end.
        """
        with self._writing(document) as connection:
            standing = connection.execute(
                "UPDATE documents SET held = '', failures = 0, retry_at = 0, last_error = ''"
                " WHERE name = ? AND (held != '' OR failures OR retry_at OR last_error != '')",
                (document,),
            )
            quarantine = connection.execute("DELETE FROM quarantine WHERE document = ?", (document,))
            doubts = connection.execute(
                "DELETE FROM hooks WHERE document = ?1 AND state = 'begun' AND generation NOT IN"
                " (SELECT generation FROM operations WHERE document = ?1 AND state = 'intent')",
                (document,),
            )
            # Heals of the past would hold the document again at once.
            connection.execute("DELETE FROM heals WHERE document = ?", (document,))
            return bool(standing.rowcount or quarantine.rowcount or doubts.rowcount)

    def end_quarantine(self, document: str) -> None:
        """Forget what is quarantined."""
        with self._writing(document) as connection:
            connection.execute("DELETE FROM quarantine WHERE document = ?", (document,))

    def suspend(self, document: str, suspension: Suspension) -> None:
        """Nothing is changed while it lasts; a later call replaces it."""
        with self._writing(document) as connection:
            self._ensure(connection, document)
            connection.execute(
                "UPDATE documents SET suspended_by = ?2, suspended_reason = ?3, suspended_until = ?4"
                " WHERE name = ?1"
                " AND (suspended_by IS NOT ?2 OR suspended_reason IS NOT ?3 OR suspended_until IS NOT ?4)",
                (document, suspension.by, suspension.reason, suspension.until),
            )

    def resume(self, document: str) -> bool:
        """End a suspension. True when there was one."""
        with self._writing(document) as connection:
            ended = connection.execute(
                "UPDATE documents SET suspended_by = NULL, suspended_reason = NULL, suspended_until = NULL"
                " WHERE name = ? AND suspended_by IS NOT NULL",
                (document,),
            )
            return bool(ended.rowcount)

    def retry_later(self, document: str, *, error: str, retry_at: float) -> None:
        """Count a failed pass and when to try again (seconds since the epoch)."""
        with self._writing(document) as connection:
            self._ensure(connection, document)
            connection.execute(
                "UPDATE documents SET failures = failures + 1, last_error = ?, retry_at = ? WHERE name = ?",
                (error, retry_at, document),
            )

    def passed(self, document: str) -> None:
        """A pass went well: forget failures and backoff."""
        # Called after every pass of every document: the usual case does not even open a transaction.
        record = self.record(document)
        if not (record.failures or record.retry_at or record.last_error):
            return
        with self._writing(document) as connection:
            connection.execute(
                "UPDATE documents SET failures = 0, retry_at = 0, last_error = '' WHERE name = ?", (document,)
            )
