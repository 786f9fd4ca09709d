"""Operations and the revisions they try: the part of the journal that a deploy writes.

Decides how long operations are kept: the newest twenty that were committed and the newest twenty that were
undone, since their containers may still be there and are known as ours only by the history; and the newest
commit of each of the last three good revisions. A revision is kept while an operation names it. The state of
an operation only goes forward.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from reconciler.core.desired import DesiredState
from reconciler.core.record import OperationKind
from reconciler.errors import StateDamaged
from reconciler.history.part import Part
from reconciler.history.rows import body_of

KEPT_OPERATIONS = 20
KEPT_GOOD_REVISIONS = 3

_COLLECT = f"""
    DELETE FROM operations WHERE document = :document AND state != 'intent'
    AND generation NOT IN (
        SELECT generation FROM (
            SELECT generation, row_number() OVER (PARTITION BY state ORDER BY generation DESC) AS age
            FROM operations WHERE document = :document)
        WHERE age <= {KEPT_OPERATIONS})
    AND generation NOT IN (
        SELECT max(generation) FROM operations WHERE document = :document AND state = 'committed'
        GROUP BY fingerprint ORDER BY max(generation) DESC LIMIT {KEPT_GOOD_REVISIONS})
"""  # noqa: S608 (numbers of this file)
_UNNAMED = """
    document = :document AND fingerprint NOT IN (SELECT fingerprint FROM operations WHERE document = :document)
"""


class Operations(Part):
    """Begin, progress and end of generations."""

    def begin(
        self,
        desired: DesiredState,
        *,
        generation: int,
        kind: OperationKind,
        container_id: str,
        cause: str,
        actor: str,
    ) -> None:
        """Intent. See ``Journal.begin``."""
        with self._writing(desired.name) as connection:
            if _state(connection, desired.name, generation) is not None:
                return
            self._ensure(connection, desired.name)
            self._advance(connection, desired.name, generation)
            _store_revision(connection, desired)
            connection.execute(
                "INSERT INTO operations"
                " (document, generation, kind, fingerprint, state,"
                " container_id, actor, cause, started_at, image_id)"
                " VALUES (?, ?, ?, ?, 'intent', ?, ?, ?, ?,"
                " coalesce((SELECT image_id FROM images WHERE document = ?1 AND fingerprint = ?4), ''))",
                (desired.name, generation, kind, desired.fingerprint, container_id, actor, cause, self._clock()),
            )
            _collect(connection, desired.name)

    def _advance(self, connection: sqlite3.Connection, document: str, generation: int) -> None:
        moved = connection.execute(
            "UPDATE documents SET generation = ?2 WHERE name = ?1 AND generation < ?2", (document, generation)
        )
        if not moved.rowcount:
            raise StateDamaged(
                f"generation {generation} of {document} is not higher than every earlier one",
                hint="two reconcilers may be at work on one history; stop one of them",
            )

    def created(self, document: str, generation: int, *, container_id: str) -> None:
        """The engine answered with the id of the operation's container."""
        with self._writing(document) as connection:
            self._known(connection, document, generation)
            connection.execute(
                "UPDATE operations SET container_id = ?3"
                " WHERE document = ?1 AND generation = ?2 AND container_id != ?3",
                (document, generation, container_id),
            )

    def verified(self, document: str, fingerprint: str, *, image_id: str) -> None:
        """The revision's image is on the host and has this id; may come before its intent."""
        with self._writing(document) as connection:
            connection.execute(
                "INSERT INTO images (document, fingerprint, image_id) VALUES (?1, ?2, ?3)"
                " ON CONFLICT DO UPDATE SET image_id = ?3, collected = 0 WHERE image_id != ?3 OR collected",
                (document, fingerprint, image_id),
            )
            connection.execute(
                "UPDATE operations SET image_id = ?3"
                " WHERE document = ?1 AND fingerprint = ?2 AND state = 'intent' AND image_id != ?3",
                (document, fingerprint, image_id),
            )

    def commit(self, document: str, generation: int) -> None:
        """The only commit point. A heal leaves the quarantine of other revisions, and what hooks did for them, as
        it is: the document did not turn away from them.
        """
        with self._writing(document) as connection:
            if not self._close(connection, document, generation, state="committed"):
                return
            connection.execute(
                "DELETE FROM quarantine WHERE document = ?1 AND EXISTS (SELECT 1 FROM operations AS done"
                " WHERE done.document = ?1 AND done.generation = ?2"
                " AND (done.kind != 'heal' OR done.fingerprint = quarantine.fingerprint))",
                (document, generation),
            )
            connection.execute(
                "DELETE FROM hooks WHERE document = ?1 AND EXISTS (SELECT 1 FROM operations AS done"
                " WHERE done.document = ?1 AND done.generation = ?2 AND done.kind != 'heal')",
                (document, generation),
            )
            connection.execute(
                "UPDATE documents SET held = '', failures = 0, retry_at = 0, last_error = '' WHERE name = ?",
                (document,),
            )

    def failed(self, document: str, generation: int, *, reason: str, quarantine: bool) -> None:
        """Note why the open operation failed; it stays open until it is undone."""
        with self._writing(document) as connection:
            if self._known(connection, document, generation) != "intent":
                raise StateDamaged(f"generation {generation} of {document} has ended and cannot fail any more")
            connection.execute(
                "UPDATE operations SET failure = ?3, quarantine = ?4 WHERE document = ?1 AND generation = ?2"
                " AND (failure != ?3 OR quarantine != ?4)",
                (document, generation, reason, int(quarantine)),
            )

    def undone(self, document: str, generation: int) -> None:
        """Close the open operation; quarantines its fingerprint if the failure said so."""
        with self._writing(document) as connection:
            if not self._close(connection, document, generation, state="undone"):
                return
            connection.execute(
                "INSERT INTO quarantine (document, fingerprint, reason, since)"
                " SELECT document, fingerprint, failure, ?3 FROM operations"
                " WHERE document = ?1 AND generation = ?2 AND quarantine"
                " ON CONFLICT DO UPDATE SET reason = excluded.reason, since = excluded.since",
                (document, generation, self._clock()),
            )

    def restored(self, document: str, generation: int) -> None:
        """The former container was seen healthy after the undo."""
        with self._writing(document) as connection:
            self._known(connection, document, generation)
            connection.execute(
                "UPDATE operations SET restored = 1 WHERE document = ? AND generation = ? AND NOT restored",
                (document, generation),
            )

    def image_collected(self, document: str, fingerprint: str) -> None:
        """The revision's image was removed from the host."""
        with self._writing(document) as connection:
            connection.execute(
                "INSERT INTO images (document, fingerprint, collected) VALUES (?, ?, 1)"
                " ON CONFLICT DO UPDATE SET collected = 1 WHERE NOT collected",
                (document, fingerprint),
            )

    def hashed(self, document: str, generation: int, config_hashes: Mapping[str, str]) -> None:
        """What Compose put on the containers of a project's services, by service."""
        text = json.dumps(dict(config_hashes), sort_keys=True)
        with self._writing(document) as connection:
            self._known(connection, document, generation)
            connection.execute(
                "UPDATE operations SET config_hashes = ?3"
                " WHERE document = ?1 AND generation = ?2 AND config_hashes != ?3",
                (document, generation, text),
            )

    def forget(self, document: str) -> None:
        """The document was pruned: only its generation counter and its events stay."""
        with self._writing(document) as connection:
            for table in (
                "operations",
                "revisions",
                "images",
                "quarantine",
                "heals",
                "hooks",
                "allowances",
                "sync",
            ):
                connection.execute(f"DELETE FROM {table} WHERE document = ?", (document,))  # noqa: S608 (literals)
            connection.execute(
                "UPDATE documents SET held = '', failures = 0, retry_at = 0, last_error = '',"
                " suspended_by = NULL, suspended_reason = NULL, suspended_until = NULL WHERE name = ?"
                " AND (held != '' OR suspended_by IS NOT NULL OR failures OR retry_at OR last_error != '')",
                (document,),
            )

    def _known(self, connection: sqlite3.Connection, document: str, generation: int) -> str:
        state = _state(connection, document, generation)
        if state is None:
            raise self._no_generation(document, generation)
        return state

    def _close(self, connection: sqlite3.Connection, document: str, generation: int, *, state: str) -> bool:
        before = self._known(connection, document, generation)
        if before == state:
            return False
        if before != "intent":
            raise StateDamaged(f"generation {generation} of {document} is {before} and cannot become {state}")
        connection.execute(
            "UPDATE operations SET state = ?, ended_at = ? WHERE document = ? AND generation = ?",
            (state, self._clock(), document, generation),
        )
        return True


def _state(connection: sqlite3.Connection, document: str, generation: int) -> str | None:
    row = connection.execute(
        "SELECT state FROM operations WHERE document = ? AND generation = ?", (document, generation)
    ).fetchone()
    return None if row is None else str(row["state"])


def _store_revision(connection: sqlite3.Connection, desired: DesiredState) -> None:
    # The same fingerprint may come with another strategy or sticker: the newest document counts.
    connection.execute(
        "INSERT INTO revisions (document, fingerprint, body) VALUES (?1, ?2, ?3)"
        " ON CONFLICT DO UPDATE SET body = ?3 WHERE body != ?3",
        (desired.name, desired.fingerprint, body_of(desired)),
    )


def _collect(connection: sqlite3.Connection, document: str) -> None:
    connection.execute(_COLLECT, {"document": document})
    for table in ("revisions", "images", "hooks"):
        connection.execute(f"DELETE FROM {table} WHERE {_UNNAMED}", {"document": document})  # noqa: S608 (literals)
