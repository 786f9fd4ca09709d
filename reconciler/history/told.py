"""What channels of notifications were told last, so that a restart tells nothing twice.

Bounded: of subjects of which all is well the thousand that were told last stay, of each channel.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.notice import Subject
from reconciler.core.telling import Told
from reconciler.history.part import Part

KEPT_WELL = 1000


class ToldLog(Part):
    """Note and read."""

    def note_told(self, channel: str, told: Told) -> None:
        """The channel has been told this."""
        key = (channel, told.subject.kind, told.subject.name)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO told (channel, kind, name, condition, mark, number, at, since)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET condition = excluded.condition,"
                " mark = excluded.mark, number = excluded.number, at = excluded.at, since = excluded.since",
                (*key, told.condition, told.mark, told.number, told.at, told.since),
            )
            connection.execute(
                "DELETE FROM told WHERE channel = ?1 AND condition = '' AND at < "
                "(SELECT at FROM told WHERE channel = ?1 AND condition = '' ORDER BY at DESC LIMIT 1 OFFSET ?2)",
                (channel, KEPT_WELL - 1),
            )

    def told(self, channel: str) -> Mapping[Subject, Told]:
        """What the channel was told last, by subject."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM told WHERE channel = ?", (channel,)).fetchall()
        found = (
            Told(
                subject=Subject(row["kind"], row["name"]),
                condition=row["condition"],
                mark=row["mark"],
                number=row["number"],
                at=row["at"],
                since=row["since"],
            )
            for row in rows
        )
        return {item.subject: item for item in found}
