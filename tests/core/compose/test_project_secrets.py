"""Secrets of a project, from the plan to the containers of the services that mount them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import action as actions
from reconciler.core.compose.files import wanted_digests
from reconciler.core.delivery import DeliveryState, Places, delivered_secret
from reconciler.core.desired import DesiredState
from reconciler.core.observation import DeliveryReading, Observation
from reconciler.core.project import MountedFile, Service
from reconciler.core.situation import Situation
from tests.core.compose.host import Box, Host, document, service

PLACES = Places(files="/files", secrets="/mem")
MOUNTED = MountedFile(artifact="", target="/run/secrets/db", kind="secret", key="db")
FIRST, SECOND = delivered_secret("db", "cipher-1", ""), delivered_secret("db", "cipher-2", "")


@dataclass(slots=True)
class Safe(Host):
    """A host with what is delivered, by version."""

    there: dict[str, DeliveryState] = field(default_factory=dict)

    def observe(self, desired: DesiredState) -> Observation:
        absent: dict[str, DeliveryState] = {item.version: "absent" for item in (FIRST, SECOND)}
        reading = DeliveryReading(states=absent | self.there)
        return replace(Host.observe(self, desired), deliveries={"shop": reading})

    def situation(self, **fields: Any) -> Situation:
        return replace(Host.situation(self, **fields), places=PLACES)

    def _create(self, action: actions.ComposeUp, item: Service, number: int, name: str, replaces: str = "") -> Box:
        box = Host._create(self, action, item, number, name, replaces)
        mounts = [
            replace(given, target=file.target).mount(PLACES, "shop")
            for file in item.files
            for given in action.desired.deliveries
        ]
        box.config = replace(box.config, mounts=tuple(mounts))
        return box

    def do_write_revision(self, action: actions.WriteRevision) -> None:
        files = self.files.setdefault(action.project.directory, {})
        files |= wanted_digests(action.desired, action.project, self.journal.record("shop"), PLACES)

    def do_deliver_files(self, action: actions.DeliverFiles) -> None:
        self.there |= {item.version: "current" for item in action.deliveries}

    def do_collect_files(self, action: actions.CollectFiles) -> None:
        self.there = {key: item for key, item in self.there.items() if key in action.keep}


def wish(release: str = "1", given: Any = FIRST) -> DesiredState:
    return document(release, service("web", files=(MOUNTED,)), service("db"), secrets=("db",), deliveries=(given,))


def deployed() -> Safe:
    host = Safe()
    assert host.settle(wish()).drift == ()
    return host


def kinds(host: Safe) -> list[str]:
    return [item.kind for item in host.plan().actions]


def test_a_secret_is_delivered_before_anything_is_written_or_made() -> None:
    host = Safe(wanted=wish())
    order = kinds(host)
    assert order.index("deliver-files") < order.index("write-revision") < order.index("compose-up")
    assert deployed().there == {FIRST.version: "current"}


def test_a_rotated_secret_is_drift_of_its_services_alone() -> None:
    host = deployed()
    host.wanted = wish(given=SECOND)
    (drift,) = (item for item in host.plan().drift if item.kind == "secret")
    assert (drift.path, drift.wanted, drift.found) == ("services.web.config.secrets.db", SECOND.short, FIRST.short)
    (up,) = (item for item in host.plan().actions if isinstance(item, actions.ComposeUp))
    assert up.changes == ("web",)
    assert host.settle().drift == ()


def test_what_is_gone_is_brought_again_and_nothing_is_started() -> None:
    host = deployed()
    host.there = {}
    assert kinds(host) == ["deliver-files"]
    assert host.settle().drift == ()


def test_what_was_altered_is_put_right_before_its_services_are_made_anew() -> None:
    host = deployed()
    host.there[FIRST.version] = "altered"
    order = kinds(host)
    assert order.index("deliver-files") < order.index("compose-up")
    (up,) = (item for item in host.plan().actions if isinstance(item, actions.ComposeUp))
    assert up.recreate == ("web",)


def test_versions_that_no_good_revision_needs_are_collected() -> None:
    host = deployed()
    host.there["0" * 32] = "current"
    assert kinds(host) == ["collect-files"]
    assert host.settle().drift == ()
