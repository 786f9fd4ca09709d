"""What operators let run without a signature: one image of one document each, by digest."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.record import Allowance
from reconciler.history.part import Part

KEPT_ALLOWANCES = 100


class Allowances(Part):
    """Allow and revoke."""

    def allow(self, document: str, allowances: Collection[Allowance]) -> None:
        """Let these images run. The newest hundred of a document are kept."""
        with self._writing(document) as connection:
            self._ensure(connection, document)
            connection.executemany(
                "INSERT INTO allowances (document, image, actor, reason, at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET actor = excluded.actor, reason = excluded.reason, at = excluded.at",
                [(document, item.image, item.actor, item.reason, item.at) for item in allowances],
            )
            connection.execute(
                "DELETE FROM allowances WHERE document = ?1 AND image NOT IN (SELECT image FROM allowances"
                " WHERE document = ?1 ORDER BY at DESC, image LIMIT ?2)",
                (document, KEPT_ALLOWANCES),
            )

    def revoke(self, document: str) -> bool:
        """End all that was allowed. True when there was something."""
        with self._writing(document) as connection:
            ended = connection.execute("DELETE FROM allowances WHERE document = ?", (document,))
            return bool(ended.rowcount)
