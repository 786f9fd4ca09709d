"""Rows of the history database to Records: reading only.

Decides which rows make up a Record and in which order. All documents cost the same seven queries as one.
A DesiredState is rebuilt from its stored document only when that document's text was not seen before.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.record import Allowance, HookRun, Operation, Record, Revision
from reconciler.errors import ReconcilerError, StateDamaged

Rebuild = Callable[[Mapping[str, Any]], DesiredState]
"""Makes a DesiredState of the document that was stored; ``reconciler.spec.build`` does it."""

Rows = dict[str, list[sqlite3.Row]]

_OPERATIONS = (
    "document, generation, kind, fingerprint, state, container_id, image_id, failure, quarantine, restored, "
    "actor, cause, started_at, ended_at, config_hashes"
)


class RecordRows:
    """Loads Records over a connection that the caller holds."""

    def __init__(self, rebuild: Rebuild, *, owner: str) -> None:
        self._rebuild = rebuild
        self._owner = owner
        self._built: dict[str, dict[str, tuple[str, DesiredState]]] = {}
        """By document and fingerprint, with the text that it was built from."""

    def load(self, connection: sqlite3.Connection, document: str | None = None) -> dict[str, Record]:
        """All Records, or the one of ``document`` (none where it was never seen)."""
        documents = _select(connection, "*", "documents", document, column="name")
        operations = _by_document(_select(connection, _OPERATIONS, "operations", document, order="generation"))
        revisions = _by_document(
            _select(
                connection,
                "document, fingerprint, body, coalesce(image_id, '') AS image_id,"
                " coalesce(collected, 0) AS collected",
                "revisions LEFT JOIN images USING (document, fingerprint)",
                document,
                order="revisions.rowid",
            )
        )
        quarantine = _by_document(_select(connection, "*", "quarantine", document, order="since"))
        heals = _by_document(_select(connection, "document, at", "heals", document, order="id"))
        hooks = _by_document(_select(connection, "*", "hooks", document, order="fingerprint, hook"))
        allowances = _by_document(_select(connection, "*", "allowances", document, order="image"))
        for row in documents:
            self._let_go(row["name"], kept=revisions[row["name"]])
        tables = {
            "operations": operations,
            "revisions": revisions,
            "quarantine": quarantine,
            "heals": heals,
            "hooks": hooks,
            "allowances": allowances,
        }
        return {row["name"]: self._record(row, tables) for row in documents}

    def _record(self, row: sqlite3.Row, tables: Mapping[str, Rows]) -> Record:
        of = {table: rows[row["name"]] for table, rows in tables.items()}
        return Record(
            document=row["name"],
            owner=self._owner,
            generation=row["generation"],
            operations=tuple(_operation(item) for item in of["operations"]),
            revisions=tuple(self._revision(item) for item in of["revisions"]),
            quarantined={item["fingerprint"]: item["reason"] for item in of["quarantine"]},
            heals=tuple(item["at"] for item in of["heals"]),
            hooks=tuple(_hook_run(item) for item in of["hooks"]),
            allowances=tuple(_allowance(item) for item in of["allowances"]),
            held=row["held"],
            suspension=_suspension(row),
            failures=row["failures"],
            retry_at=row["retry_at"],
            last_error=row["last_error"],
        )

    def _revision(self, row: sqlite3.Row) -> Revision:
        return Revision(
            fingerprint=row["fingerprint"],
            desired=self._desired(row["document"], row["fingerprint"], row["body"]),
            image_id=row["image_id"],
            image_collected=bool(row["collected"]),
        )

    def _desired(self, document: str, fingerprint: str, body: str) -> DesiredState:
        built = self._built.setdefault(document, {})
        known = built.get(fingerprint)
        if known is not None and known[0] == body:
            return known[1]
        desired = rebuilt(self._rebuild, body, document=document)
        built[fingerprint] = (body, desired)
        return desired

    def _let_go(self, document: str, *, kept: Iterable[sqlite3.Row]) -> None:
        alive = {row["fingerprint"] for row in kept}
        built = self._built.get(document, {})
        for fingerprint in [item for item in built if item not in alive]:
            del built[fingerprint]


def rebuilt(rebuild: Rebuild, body: str, *, document: str) -> DesiredState:
    """The DesiredState of a stored document. Raises StateDamaged when it cannot be made any more."""
    try:
        return rebuild(json.loads(body))
    except (ReconcilerError, ValueError, LookupError, TypeError) as error:
        raise StateDamaged(
            f"what the history keeps of {document} can no longer be read: {error}",
            hint="use the version of the reconciler that wrote it, or a newer one",
        ) from error


def body_of(desired: DesiredState) -> str:
    """The text under which a document is stored: equal documents give equal text."""
    return json.dumps(desired.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _select(
    connection: sqlite3.Connection,
    columns: str,
    table: str,
    document: str | None,
    *,
    column: str = "document",
    order: str = "1",
) -> list[sqlite3.Row]:
    # Every part of the text is a literal of this file; values are bound.
    where, values = ("", ()) if document is None else (f" WHERE {column} = ?", (document,))
    return connection.execute(f"SELECT {columns} FROM {table}{where} ORDER BY {order}", values).fetchall()  # noqa: S608


def _by_document(rows: Iterable[sqlite3.Row]) -> Rows:
    grouped: Rows = defaultdict(list)
    for row in rows:
        grouped[row["document"]].append(row)
    return grouped


def _operation(row: sqlite3.Row) -> Operation:
    return Operation(
        generation=row["generation"],
        kind=row["kind"],
        fingerprint=row["fingerprint"],
        state=row["state"],
        container_id=row["container_id"],
        image_id=row["image_id"],
        failure=row["failure"],
        quarantine=bool(row["quarantine"]),
        restored=bool(row["restored"]),
        actor=row["actor"],
        cause=row["cause"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        config_hashes=json.loads(row["config_hashes"]),
    )


def _hook_run(row: sqlite3.Row) -> HookRun:
    return HookRun(
        fingerprint=row["fingerprint"],
        hook=row["hook"],
        wish=row["wish"],
        generation=row["generation"],
        state=row["state"],
        began_at=row["began_at"],
        ended_at=row["ended_at"],
    )


def _allowance(row: sqlite3.Row) -> Allowance:
    return Allowance(image=row["image"], actor=row["actor"], reason=row["reason"], at=row["at"])


def _suspension(row: sqlite3.Row) -> Suspension | None:
    if row["suspended_by"] is None:
        return None
    return Suspension(by=row["suspended_by"], reason=row["suspended_reason"], until=row["suspended_until"])
