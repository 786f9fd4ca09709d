"""The oracle: what must hold of every document whenever the controller has settled, whatever happened before."""

from __future__ import annotations

from reconciler.core import names
from reconciler.core.ownership import find_claims
from reconciler.core.record import Record
from reconciler.core.sticker import judge
from tests.simulator.deliveries import PLACES
from tests.simulator.player import HELPER, KEY, Player

TEMPORARY = ("-next-g",)


def violations(player: Player, name: str = "web") -> list[str]:
    """Every breach, in words; empty when all is well."""
    desired = player.documents[name]
    record = player.world.journal.record(name)
    observation = player.observe()
    claims = find_claims(desired.container_name, observation, record)
    found: list[str] = []
    committed = record.committed
    if record.open is not None:
        found.append(f"operation {record.open.generation} is still open")
    if committed is None:
        labelled = [row for row in observation.containers if row.labels.get(names.DOCUMENT) == name]
        serving = [row.name for row in labelled if row.running]
        return [*found, *(f"{row} runs without a commit" for row in serving)]
    if claims.current is None:
        found.append("the committed container is gone")
    else:
        if claims.current.name != record_name(player, name):
            found.append(f"its name is {claims.current.name}")
        if not claims.current.running:
            found.append(f"it is {claims.current.status}")
        if claims.current.image_id != committed.image_id:
            found.append("its image is not the committed one")
        found += _undelivered(player, record)
    estranged = [row.name for row in claims.spoofs if row.id in player.world.engine.host.made]
    found += [f"{row} was made by us, and nobody knows it" for row in estranged]
    running = [row.name for _, row in claims.kept if row.running]
    found += [f"{row} runs beside it" for row in running]
    temporary = [row for row in observation.containers if any(mark in row.name for mark in TEMPORARY)]
    found += [f"{row.name} is left over" for row in temporary]
    reading = player.world.stickers.read(desired.sticker, helper=HELPER)
    if judge(reading, record, desired, KEY) != "current":
        found.append("the sticker is not current")
    return found


def _undelivered(player: Player, record: Record) -> list[str]:
    """What the committed revision's container should find, and does not."""
    assert record.committed_revision is not None
    assert record.committed is not None
    committed_id = record.committed.container_id
    wish, store = record.committed_revision.desired, player.world.deliveries
    states = store.read(wish.name, wish.deliveries, ()).states
    found = [
        f"{item.name} is {states[item.version]}" for item in wish.deliveries if states[item.version] != "current"
    ]
    container = next(item for item in player.observe().details.values() if item.id == committed_id)
    mounts = container.config.mounts or ()
    found += [
        f"{item.name} is not mounted" for item in wish.deliveries if item.mount(PLACES, wish.name) not in mounts
    ]
    given = container.config.environment or {}
    return found + [f"{item.variable} is unset" for item in wish.variables if item.variable not in given]


def record_name(player: Player, name: str) -> str:
    """The container name of what is committed."""
    revision = player.world.journal.record(name).committed_revision
    assert revision is not None
    return revision.desired.container_name
