"""Startable: what the engine can never start again, whatever is tried; a new container takes its place.

An engine that is killed while it starts a container can leave something of it under the container's id: a task in
containerd, or a folder of its shim. That is in the way of every start from then on, also after the engine was
started anew; seen with 20.10 and 26.1.
"""

from __future__ import annotations

import re
from typing import Final

from reconciler.core.container import BUILT_IN_NETWORKS
from reconciler.core.desired import DesiredState
from reconciler.core.observation import ContainerRow
from reconciler.core.situation import Situation

LEFT_BEHIND: Final = (
    r"\btask [0-9a-f]{64}: already exists",
    r"(^|: )id already in use(: unknown)?( \(|$)",
    r"start shim: mkdir \S+/[0-9a-f]{64}: file exists",
    r"(^|: )container with (given )?id (already )?exists(: [0-9a-f]{64})?(: unknown)?( \(|$)",
)
"""Patterns of what engines say then; upper and lower case are the same. Messages also quote words of a document (a
command, a path), which match none of them.
"""

_IN_THE_WAY: Final = re.compile("|".join(LEFT_BEHIND), re.IGNORECASE)


def startable(situation: Situation, row: ContainerRow) -> bool:
    """Whether starting this container, which has stopped, is worth trying."""
    return not (network_lost(situation) or stands_in_its_way(situation, row))


def network_lost(situation: Situation) -> bool:
    """Whether a stopped container names a network that is gone, or that was made anew under another id: the engine
    cannot start it again.
    """
    error, wanted = _last_error(situation), _networks(situation.desired)
    remade = bool(wanted) and "network" in error and "not found" in error
    return network_gone(situation, situation.desired) or remade


def network_gone(situation: Situation, desired: DesiredState) -> bool:
    """Whether a network that this state names is not on the host."""
    present = situation.observation.networks
    return present is not None and not _networks(desired) <= present


def _networks(desired: DesiredState) -> frozenset[str]:
    return frozenset(item.name for item in desired.config.networks or ()) - BUILT_IN_NETWORKS


def stands_in_its_way(situation: Situation, row: ContainerRow) -> bool:
    """Whether what an engine that was killed has left of this container is in the way of its start: by what the
    engine keeps as its last error, or by what a start of it has failed with here.
    """
    detail, error = situation.observation.details.get(row.id), _last_error(situation)
    kept = detail.error if detail is not None else ""
    met = error if row.id[:12] in error else ""
    return any(_IN_THE_WAY.search(text) is not None for text in (kept, met))


def _last_error(situation: Situation) -> str:
    """Without the lines below its first: they are what a container said."""
    return situation.record.last_error.partition("\n")[0]
