"""Command tasks with the agent as a program of its own, in containers of a real engine."""

from __future__ import annotations

import time
from typing import Any

import pytest

from reconciler.agent.processes import Processes
from reconciler.core import names
from reconciler.protocol.logs import CUT
from reconciler.protocol.message.payload import ExecuteCommandPayload
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.task import AgentTask
from tests.e2e.fleet.fleet import Fleet
from tests.e2e.stage import eventually

pytestmark = pytest.mark.engine
SLOW = "echo begun; (sleep 1000 &) ; sleep 1000"
HALF = 'echo "it is $APP_PASSWORD"; printf "the first part of it is %.12s" "$APP_PASSWORD"; sleep 1000'
PAGE = "http://127.0.0.1:8080/"
ALONE = f"id -u; wget -q -O - {PAGE} 2>&1 || echo alone"
"""In one stream, so that the lines come in their order; without wget's -T, with which some busyboxes die."""

COMMANDS: dict[str, Any] = {
    "greet": {"argv": ["/bin/echo", "hello"], "arguments": 2},
    "leak": {"argv": ["/bin/sh", "-c", 'echo "it is $APP_PASSWORD"; exit 7']},
    "slow": {"argv": ["/bin/sh", "-c", SLOW], "longestSeconds": 60},
    "flood": {"argv": ["/bin/sh", "-c", "yes 0123456789 | head -c 1000000"]},
    "absent": {"argv": ["/no/such/program"]},
    "aside": {"argv": ["/bin/sh", "-c", ALONE], "in": "sandbox"},
    "beside": {"argv": ["/bin/wget", "-q", "-O", "-", PAGE], "in": "sandbox", "network": "container"},
    "half": {"argv": ["/bin/sh", "-c", HALF]},
    "slow-aside": {"argv": ["/bin/sh", "-c", SLOW], "in": "sandbox"},
    "others": {"argv": ["/bin/true"], "documents": ["somebody-else"]},
}


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    prepare(fleet)
    return fleet


def prepare(fleet: Fleet) -> None:
    fleet.stage.write(fleet.stage.web("v1"))
    fleet.permit(taskTypes=["execute-command"], commands=COMMANDS)


def ask(fleet: Fleet, command: str, *arguments: str, **changes: Any) -> AgentTask:
    payload = ExecuteCommandPayload(command=command, arguments=arguments, service=changes.pop("service", None))
    return fleet.orchestrator.ask("execute-command", payload, document=fleet.stage.name, **changes)


def answer(fleet: Fleet, command: str, *arguments: str, **changes: Any) -> TaskResult:
    return fleet.orchestrator.result(ask(fleet, command, *arguments, **changes))


def serves(fleet: Fleet) -> None:
    fleet.shows("v1")
    eventually("v1 is committed", lambda: fleet.stage.status()["phase"] == "Converged")


def left_over(fleet: Fleet) -> list[object]:
    """Processes and containers of commands."""
    containers = fleet.stage.docker("ps", "-aq", "--filter", f"label={names.COMMAND}").split()
    return [*Processes().marks("STELLA_TASK="), *containers]


def test_a_command_runs_in_the_container_without_a_shell_and_its_end_is_told(fleet: Fleet) -> None:
    stage, orchestrator = fleet.stage, fleet.orchestrator
    with fleet.agent():
        serves(fleet)
        said = ask(fleet, "greet", "a; reboot", "$HOME `id`")
        result = orchestrator.result(said)
        assert (result.outcome, result.error) == ("succeeded", None)
        assert result.outputs == {"container": stage.name, "exitCode": 0, "saidBytes": 27, "cut": False}
        assert result.logs == "hello a; reboot $HOME `id`\n"
        eventually("it is told", lambda: orchestrator.texts.get(said.id) == result.logs)
        failed = answer(fleet, "leak")
        assert (failed.outcome, failed.error_type) == ("failed", "exit-code")
        assert failed.outputs is not None
        assert failed.outputs["exitCode"] == 7
        assert "it is " in failed.logs
        assert stage.canary not in str(failed)
        absent = answer(fleet, "absent")
        assert absent.outcome == "failed"
        assert (absent.outputs or {}).get("exitCode", 127) in {126, 127}  # engines differ
        flood = answer(fleet, "flood")
        assert flood.outputs is not None
        assert (flood.outputs["saidBytes"], flood.outputs["cut"]) == (1_000_000, True)
        assert f"{CUT}it said 1000000 bytes" in flood.logs
        assert left_over(fleet) == []
        audited = str(stage.json("audit", "show"))
        assert "the command greet with 2 arguments of the task" in audited
        assert "reboot" not in audited


def test_a_command_runs_in_a_sandbox_of_the_same_image(fleet: Fleet) -> None:
    with fleet.agent():
        serves(fleet)
        aside = answer(fleet, "aside")
        user, why, told = aside.logs.splitlines()
        assert (aside.outcome, user, told) == ("succeeded", "65534", "alone")
        assert "can't connect to remote host" in why
        beside = answer(fleet, "beside")
        assert (beside.outcome, beside.logs) == ("succeeded", "web v1\n")
        late = answer(fleet, "slow-aside", timeout_seconds=2)
        assert (late.outcome, late.error_type, late.logs) == ("failed", "timeout", "begun\n")
        assert left_over(fleet) == []
        assert fleet.stage.status()["phase"] == "Converged"


def test_a_command_whose_time_is_up_or_that_nobody_wants_is_ended_with_all_that_it_began(fleet: Fleet) -> None:
    orchestrator = fleet.orchestrator
    with fleet.agent():
        serves(fleet)
        late = answer(fleet, "slow", timeout_seconds=2)
        assert (late.outcome, late.error_type, late.logs) == ("failed", "timeout", "begun\n")
        assert left_over(fleet) == []
        task = ask(fleet, "slow")
        eventually("it says something while it runs", lambda: orchestrator.texts.get(task.id) == "begun\n")
        orchestrator.cancel(task)
        unwanted = orchestrator.result(task)
        assert (unwanted.outcome, "ended while it ran" in (unwanted.error or "")) == ("cancelled", True)
        assert left_over(fleet) == []
        assert fleet.stage.page() == "web v1"


@pytest.mark.parametrize("command", ["slow", "slow-aside"])
def test_after_a_kill_nobody_knows_how_far_it_came_and_nothing_is_left_over(fleet: Fleet, command: str) -> None:
    orchestrator = fleet.orchestrator
    with fleet.agent() as running:
        serves(fleet)
        task = ask(fleet, command)
        eventually("it runs", lambda: orchestrator.texts.get(task.id) == "begun\n")
        running.process.kill()
        running.process.wait(10)
    assert left_over(fleet) != []
    with fleet.agent():
        result = orchestrator.result(task)
        assert (result.outcome, result.error_type) == ("unknown", "interrupted")
        eventually("nothing is left over", lambda: left_over(fleet) == [])
        time.sleep(1)
        assert fleet.stage.page() == "web v1"
        assert answer(fleet, "greet").outcome == "succeeded"


@pytest.mark.every_run("half")
@pytest.mark.parametrize("command", ["half", "slow-aside"])
def test_after_a_kill_of_the_engine_nobody_knows_how_far_it_came_and_no_secret_is_told(
    fresh_fleet: Fleet, command: str
) -> None:
    """Nor the part of one that was said when the engine died; and what is left over goes when it is back."""
    fleet, orchestrator = fresh_fleet, fresh_fleet.orchestrator
    prepare(fleet)
    with fleet.agent():
        serves(fleet)
        task = ask(fleet, command)
        eventually("it runs", lambda: orchestrator.texts.get(task.id))
        fleet.stage.engine.kill()
        result = orchestrator.result(task)
        assert (result.outcome, result.error_type) == ("unknown", "interrupted")
        assert "engine" in (result.error or "")
        assert fleet.stage.canary[:12] not in str(result)
        assert result.logs.splitlines()[0] in {"begun", "it is ***"}
        fleet.stage.engine.start()
        eventually("nothing is left over", lambda: left_over(fleet) == [], within_s=30)
        eventually("it serves again", lambda: answer(fleet, "greet").outcome == "succeeded", within_s=60)
        audited = str(fleet.stage.json("audit", "show"))
        assert "unknown" in audited
        assert fleet.stage.canary[:12] not in audited


@pytest.mark.fault("X8")
def test_what_the_hosts_policy_does_not_say_is_refused(fleet: Fleet) -> None:
    with fleet.agent():
        serves(fleet)
        refusals = {
            "no command reboot is named": answer(fleet, "reboot"),
            "takes 2 arguments": answer(fleet, "greet", "1", "2", "3"),
            "may take 60 s at most": answer(fleet, "slow", timeout_seconds=61),
            "is not for": answer(fleet, "others"),
            "taskTypes": fleet.orchestrator.result(fleet.deploy("v2")),
            "has no services": answer(fleet, "greet", service="web"),
        }
        for told, result in refusals.items():
            assert (result.outcome, told in (result.error or "")) == ("refused", True), result
        other = answer(fleet, "greet", expected_release="v9")
        assert (other.outcome, other.error_type) == ("refused", "unexpected-release")
