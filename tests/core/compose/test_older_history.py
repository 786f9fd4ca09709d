"""A project under a history of yesterday: what the host runs is of a time that the history does not know.

Its containers are ours by their labels, whatever the history remembers; what says that the host is ahead is the
revision that is active in the deployment directory.
"""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest

from reconciler.core.desired import Dependency, DesiredState
from reconciler.core.judge import judge
from tests.core.compose.host import DOCUMENT, Dies, Host, document, service
from tests.simulator.journal import MemoryJournal


def of_yesterday() -> Host:
    """The history ends with release 1; release 2 was deployed since."""
    host = Host()
    host.settle(document("1", service("web", "web1")))
    backup = copy.deepcopy(host.journal._records)  # as one copies the file
    host.settle(document("2", service("web", "web2")))
    host.journal._records = backup
    return host


def identities(host: Host) -> list[tuple[str, str, str]]:
    return [(box.id, box.name, box.status) for box in host.boxes]


@pytest.mark.parametrize("wanted", ["1", "3"])
def test_another_release_than_the_one_that_runs_is_not_deployed(wanted: str) -> None:
    host = of_yesterday()
    before = identities(host)
    host.settle(document(wanted, service("web", f"web{wanted}")))
    assert identities(host) == before
    situation = host.situation()
    status = judge(situation, host.plan())
    assert status.phase == "Blocked"
    assert "runs a revision that the history does not know" in status.reason
    assert "put back a newer copy of the history" in status.reason


def test_the_release_that_runs_is_known_again_by_its_document_and_nothing_restarts() -> None:
    host = of_yesterday()
    before = identities(host)
    host.settle(document("2", service("web", "web2")))
    assert identities(host) == before
    committed = host.journal.record(DOCUMENT).committed_revision
    assert committed is not None
    assert committed.release.id == "2"
    host.settle(document("3", service("web", "web3")))
    assert identities(host) != before


def test_what_the_history_remembers_is_not_brought_back_while_the_document_waits() -> None:
    host = of_yesterday()
    before = identities(host)
    host.wanted = document("2", service("web", "web2"), depends_on=(Dependency("db"),))
    plan = host.plan(unmet=("db (started): not deployed yet",))
    assert plan.actions == ()
    assert identities(host) == before


def test_after_a_project_was_taken_down_its_old_deployment_directory_stops_nothing() -> None:
    """As the manual says for a history that is lost."""
    host = of_yesterday()
    host.boxes.clear()
    host.settle(document("3", service("web", "web3")))
    assert [box.status for box in host.boxes] == ["running"]


def test_a_project_of_a_history_that_was_lost_is_left_alone_and_says_how_to_go_on() -> None:
    host = of_yesterday()
    host.journal = MemoryJournal(clock=lambda: 0.0, owner="another")
    before = identities(host)
    host.settle(document("3", service("web", "web3")))
    assert identities(host) == before
    reason = judge(host.situation(), host.plan()).reason
    assert "of controller 0123456789abcdef" in reason
    assert "before its history was lost, take the project down with `docker compose -p shop down`" in reason


@pytest.mark.parametrize("number", range(1, 12))
def test_a_copy_made_in_the_middle_of_a_deploy_takes_back_nothing_of_what_came_later(number: int) -> None:
    host = Host()
    host.settle(document("1", service("web", "web1")))
    killed_after(host, document("2", service("web", "web2")), number)
    backup = copy.deepcopy(host.journal._records)
    host.settle()
    host.settle(document("3", service("web", "web3")))
    host.journal._records = backup
    before = identities(host)
    host.settle()
    assert identities(host) == before


def killed_after(host: Host, wanted: DesiredState, number: int) -> None:
    def hook(edge: str, reached: int) -> None:
        if (edge, reached) == ("after", number):
            raise Dies

    host.wanted = wanted
    with suppress(Dies):
        host.one_pass(hook)
