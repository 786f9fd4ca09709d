"""Hooks with the real program on a real engine: what they can do, what they cannot, and what their ends mean.

Every attack is a preDeploy hook in the release's own image. Whatever it does, what served before serves on,
untouched, and no container of it is left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.controller.stop_flag import LINGER_S
from tests.e2e.documents import as_yaml
from tests.e2e.oracle import Oracle
from tests.e2e.stage import SOURCES, Stage, eventually
from tests.parts.images import Recipe, publish

pytestmark = pytest.mark.engine

METADATA_SERVICE = "169.254.169.254"
NETWORK = "for-hooks"


def script(text: str, **more: Any) -> dict[str, Any]:
    return {"command": ["/bin/sh", "-c", text], "timeout": "20s", **more}


def sandboxes(stage: Stage) -> dict[str, str]:
    """Containers of hooks that are there now, each with its state: one answer, since any may vanish after it."""
    rows = stage.sdk.containers(all=True, filters={"label": f"stella.document={stage.name}"})
    return {row["Id"]: row["State"] for row in rows if "stella.hook" in row["Labels"]}


def told(stage: Stage) -> str:
    """What ``why`` tells of the last hook."""
    events = stage.json("why", stage.name)["events"]
    return str(next(event["detail"] for event in reversed(events) if event["action"] == "run-hook"))


def attacked(stage: Stage, text: str, **more: Any) -> str:
    """Release v2 with this preDeploy hook, which fails; what ``why`` tells of it."""
    stage.deploy_here("v1")
    before = stage.identity()
    stage.write(stage.web("v2", hooks={"preDeploy": script(text, **more)}))
    stage.apply(expect=3)
    assert stage.identity() == before
    assert stage.page() == "web v1"
    assert sandboxes(stage) == {}
    return told(stage)


def test_hooks_that_end_well_let_a_release_serve_and_say_what_they_did(stage: Stage, oracle: Oracle) -> None:
    environment = {"HOOK_PASSWORD": "hook-secret-value"}
    said = "echo preparing $STELLA_RELEASE_ID for $STELLA_DOCUMENT with $HOOK_PASSWORD"
    asked = "echo $STELLA_HOOK sees $(wget -q -O - http://127.0.0.1:8080/)"
    hooks = {"preDeploy": script(said, environment=environment), "postDeploy": script(asked, network="container")}
    stage.deploy_here("v1")
    stage.write(stage.web("v2", hooks=hooks))
    done = stage.apply()
    assert "hook-secret-value" not in done.stdout + done.stderr
    assert stage.page() == "web v2"
    details = [
        event["detail"] for event in stage.json("why", stage.name)["events"] if event["action"] == "run-hook"
    ]
    assert details == [
        f"preparing {stage.web('v2')['spec']['release']['id']} for {stage.name} with ***",
        "postDeploy sees web v2",
    ]
    oracle.holds()
    before = stage.identity()
    stage.write(stage.web("v2", hooks={"postDeploy": script("exit 1")}))
    stage.apply()
    assert stage.identity() == before


@pytest.mark.fault("H1")
def test_a_hook_that_hangs_is_killed_when_its_time_is_over(stage: Stage, oracle: Oracle) -> None:
    said = attacked(stage, "trap '' TERM; echo begun; sleep 600", timeout="2s")
    assert "took longer than 2s and was killed" in said
    assert "begun" in said
    oracle.holds(str(stage.web("v1")["spec"]["release"]["id"]))


@pytest.mark.fault("H2")
def test_a_fork_bomb_stays_within_its_bound(stage: Stage) -> None:
    said = attacked(stage, "while :; do sleep 60 & echo process; done", timeout="10s")
    assert "can't fork" in said
    assert said.count("process") < 64


@pytest.mark.fault("H3")
def test_a_memory_bomb_ends_in_its_sandbox_alone(stage: Stage) -> None:
    said = attacked(stage, "x=aaaaaaaa; while :; do x=$x$x; done", memoryLimit="16Mi")
    assert "needed more memory than its 16Mi" in said


@pytest.mark.fault("H4")
def test_nothing_but_scratch_can_be_written(stage: Stage) -> None:
    text = "for place in / /etc /bin /var /root; do touch $place/x && echo WRITTEN; done; echo a >/tmp/a && exit 1"
    said = attacked(stage, text)
    assert "WRITTEN" not in said
    assert "Read-only file system" in said
    assert "ended with exit status 1" in said


@pytest.mark.fault("H5")
def test_scratch_is_bounded(stage: Stage) -> None:
    said = attacked(stage, "dd if=/dev/zero of=/tmp/fill bs=1M count=64; stat -c %s /tmp/fill; exit 1")
    assert "No space left on device" in said
    assert str(16 << 20) in said
    assert "needed more memory" not in said


@pytest.mark.fault("H6")
def test_a_hook_reaches_nobody(stage: Stage) -> None:
    stage.deploy_here("v1")
    networks = stage.inspect()["NetworkSettings"]
    neighbour = networks["IPAddress"] or next(iter(networks["Networks"].values()))["IPAddress"]
    gateway = networks["Gateway"] or "172.17.0.1"
    places = " ".join(f"http://{place}/" for place in (f"{neighbour}:8080", METADATA_SERVICE, f"{gateway}:2375"))
    ask = f"for place in {places}; do timeout 5 wget -q -O - $place 2>&1 && echo REACHED; done"
    said = attacked(stage, f"ls /sys/class/net; cat /proc/net/route; {ask}; exit 1")
    assert neighbour
    assert said.count("Network is unreachable") == 3
    assert "REACHED" not in said
    assert "lo" in said.splitlines()
    assert "Iface" in said
    assert "eth0" not in said


@pytest.mark.fault("H7")
def test_a_hook_finds_nothing_of_the_controller_or_the_release(stage: Stage) -> None:
    search = "find / -name docker.sock -o -name policy.yaml -o -name history.db 2>/dev/null"
    text = (
        f"env; tr '\\0' ' ' </proc/1/environ; cat /proc/self/mountinfo; {search}; ls /run/secrets /var/run; exit 1"
    )
    said = attacked(stage, text, environment={"MINE": "yes"})
    assert "MINE=yes" in said
    assert "STELLA_HOOK=preDeploy" in said
    assert stage.canary not in said
    assert "***" not in said
    for foreign in (
        "RECONCILER",
        "APP_PASSWORD",
        "docker.sock",
        "policy.yaml\n",
        str(stage.folder),
        "DOCKER_HOST",
    ):
        assert foreign not in said, foreign


@pytest.mark.fault("H8")
def test_a_flood_of_output_is_cut_and_ends_with_the_time(stage: Stage) -> None:
    said = attacked(stage, "yes abcdefghijklmnopqrstuvwxyz", timeout="2s")
    assert "took longer than 2s" in said
    assert len(said) < 20_000


@pytest.mark.fault("H9")
def test_no_privilege_is_there_or_can_be_had(stage: Stage) -> None:
    text = """
    grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
    mount -t tmpfs none /mnt && echo MOUNTED
    echo 1 >/proc/sys/net/ipv4/ip_forward && echo SYSCTL
    echo 1 >/proc/sys/kernel/panic && echo SYSCTL
    mknod /tmp/disk b 8 0 && echo DEVICE
    cp /bin/busybox /tmp/su && chmod 4755 /tmp/su && /tmp/su id && echo RAN
    chown 0:0 /tmp && echo OWNED
    id -u
    exit 1
    """
    said = attacked(stage, text)
    words = said.split()
    assert words.count("0000000000000000") == 2
    assert "NoNewPrivs: 1" in " ".join(words)
    assert "Seccomp: 2" in " ".join(words)
    for gained in ("MOUNTED", "SYSCTL", "DEVICE", "RAN", "OWNED"):
        assert gained not in words, gained
    assert "65534" in words


@pytest.mark.fault("H9")
@pytest.mark.parametrize("user", ["0", "65534:65534"])
def test_even_root_in_a_sandbox_is_nobody(stage: Stage, user: str) -> None:
    said = attacked(stage, "mount -t tmpfs none /mnt && echo MOUNTED; cat /etc/shadow; exit 1", user=user)
    assert "MOUNTED" not in said


@pytest.mark.fault("H10")
def test_a_smoke_test_that_fails_brings_the_former_container_back(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1")
    release, before = str(stage.web("v1")["spec"]["release"]["id"]), stage.identity()[0]
    stage.write(stage.web("v2", hooks={"postDeploy": script("echo the page is wrong; exit 1")}))
    done = stage.apply(expect=3)
    assert "the postDeploy hook ended with exit status 1" in done.stdout + done.stderr
    assert "the page is wrong" in told(stage)
    assert stage.identity()[0] == before
    eventually("the former release answers", lambda: stage.page() == "web v1")
    oracle.holds(release)


@pytest.mark.fault("H10")
def test_a_failure_that_is_ignored_is_told_and_the_release_serves(stage: Stage) -> None:
    stage.deploy_here("v1")
    stage.write(stage.web("v2", hooks={"postDeploy": script("exit 4", failurePolicy="ignore")}))
    done = stage.apply()
    assert "ended with exit status 4" in done.stdout
    assert stage.page() == "web v2"
    assert "ended with exit status 4" in told(stage)


def test_a_hook_that_says_not_now_is_asked_again(stage: Stage) -> None:
    stage.deploy_here("v1")
    stage.write(stage.web("v2", hooks={"preDeploy": script("echo a backup runs; exit 75")}))
    done = stage.apply(expect=4)
    assert "the preDeploy hook said: not now" in done.stdout + done.stderr
    assert stage.status()["quarantined"] == ""
    assert stage.page() == "web v1"


@pytest.mark.every_run("True")
@pytest.mark.fault("H10")
@pytest.mark.parametrize("idempotent", [False, True])
def test_a_controller_killed_during_a_hook_leaves_nothing_and_runs_it_twice_only_if_it_may(
    stage: Stage, *, idempotent: bool
) -> None:
    stage.deploy_here("v1")
    before = stage.identity()
    hook = script("echo once more; sleep 5", idempotent=idempotent)
    stage.write(stage.web("v2", hooks={"preDeploy": hook}))
    with stage.started() as controller:
        eventually("the hook runs", lambda: "running" in sandboxes(stage).values())
        controller.process.kill()
        controller.process.wait()
    assert len(sandboxes(stage)) == 1
    assert stage.identity() == before
    done = stage.apply(expect=0 if idempotent else 5)
    assert sandboxes(stage) == {}
    if idempotent:
        assert stage.page() == "web v2"
        return
    assert "the preDeploy hook was interrupted; it may have done its work" in done.stdout + done.stderr
    assert stage.identity() == before
    stage.reconciler("clear", stage.name)
    stage.apply()
    assert stage.page() == "web v2"


@pytest.mark.fault("H10")
def test_a_hook_that_runs_when_the_controller_is_stopped_may_end_and_is_not_run_again(stage: Stage) -> None:
    stage.deploy_here("v1")
    before = stage.identity()
    stage.write(stage.web("v2", hooks={"preDeploy": script("echo migrating; sleep 2; echo migrated")}))
    with stage.controller() as controller:
        eventually("the hook runs", lambda: "running" in sandboxes(stage).values())
        controller.stop()
    assert (stage.identity(), sandboxes(stage)) == (before, {})
    assert told(stage) == "migrating\nmigrated"
    stage.apply()
    assert stage.page() == "web v2"
    assert told(stage) == "migrating\nmigrated"
    assert [event["action"] for event in stage.json("why", stage.name)["events"]].count("run-hook") == 1


@pytest.mark.fault("H10")
def test_a_hook_that_does_not_end_does_not_keep_the_controller_from_stopping(stage: Stage) -> None:
    stage.deploy_here("v1")
    before = stage.identity()
    stage.write(stage.web("v2", hooks={"preDeploy": script("sleep 60", timeout="2m")}))
    with stage.controller() as controller:
        eventually("the hook runs", lambda: "running" in sandboxes(stage).values())
        assert controller.stop() >= LINGER_S
    assert (stage.identity(), sandboxes(stage)) == (before, {})
    assert "the preDeploy hook was interrupted" in stage.apply(expect=5).stdout


@pytest.mark.fault("H11")
@pytest.mark.parametrize("broken", ["missing", "tampered"])
def test_a_hook_whose_image_cannot_be_had_stops_before_anything_is_begun(stage: Stage, broken: str) -> None:
    stage.deploy_here("v1")
    before, history = stage.identity(), stage.history()
    image = stage.images.plain.repository
    digest = "sha256:" + ("ab" * 32 if broken == "missing" else stage.image("v3").digest.removeprefix("sha256:"))
    hook = {**script("true"), "image": image, "digest": digest}
    stage.write(stage.web("v2", hooks={"preDeploy": hook}))
    stage.apply(expect=4)
    assert stage.identity() == before
    assert stage.history() == history
    assert sandboxes(stage) == {}


def test_a_network_needs_the_hosts_permission_and_then_is_reached(stage: Stage) -> None:
    network = f"{stage.prefix}-{NETWORK}"
    stage.docker("network", "create", network)
    try:
        stage.deploy_here("v1", config={"networks": [network]})
        hook = script("wget -q -O - http://web-alias:8080/ || wget -q -O - http://$PEER:8080/", network=network)
        hook["environment"] = {"PEER": stage.name}
        stage.write(stage.web("v2", config={"networks": [network]}, hooks={"preDeploy": hook}))
        done = stage.apply(expect=5)
        assert "rule hookNetworks" in done.stdout + done.stderr
        stage.permit(hookNetworks=[network])
        stage.apply()
        assert "web v1" in told(stage)
        assert stage.page() == "web v2"
    finally:
        stage.docker("rm", "-f", stage.name)
        stage.docker("network", "rm", network)


def test_a_volume_of_the_document_is_there_read_only_unless_said(stage: Stage, tmp_path: Path) -> None:
    volume = f"{stage.prefix}-data"
    stage.deploy_here("v1", config={"volumes": [f"{volume}:/data"]})
    text = "touch /data/x && exit 1; touch /again/x && ls /again"
    hook = script(text, user="0", mounts=[f"{volume}:/data", f"{volume}:/again:rw"])
    stage.write(stage.web("v2", config={"volumes": [f"{volume}:/data"]}, hooks={"preDeploy": hook}))
    stage.apply()
    assert "Read-only file system" in told(stage)
    assert stage.page() == "web v2"


@pytest.mark.thorough
def test_the_example_runs_as_it_is_written(stage: Stage) -> None:
    example = yaml.safe_load((SOURCES / "examples" / "05-hooks" / "web.yaml").read_text())
    volume, image = f"{stage.prefix}-web-data", stage.image("v2")
    text = as_yaml(example).replace("web-data:", f"{volume}:")
    document = {**yaml.safe_load(text), "metadata": {"name": stage.name}}
    document["spec"] |= {
        "image": image.repository,
        "digest": image.digest,
        "sticker": {"path": str(stage.sticker())},
    }
    stage.write(document)
    stage.apply()
    events = stage.json("why", stage.name)["events"]
    assert [event["detail"] for event in events if event["action"] == "run-hook"] == ["migrated", "web v2"]
    assert stage.docker("exec", stage.name, "cat", "/var/lib/web/schema-version") == "1.4.2"


def test_where_an_image_asks_for_a_volume_a_hook_has_bounded_memory(stage: Stage) -> None:
    repository = stage.images.plain.repository
    address, _, _ = repository.partition("/")
    recipe = Recipe(config={"Cmd": ["/bin/true"], "Env": ["PATH=/bin"], "Volumes": {"/var/cache": {}}})
    image = publish(address, f"{stage.prefix}-cached", "v1", recipe)
    text = "grep /var/cache /proc/self/mounts; dd if=/dev/zero of=/var/cache/fill bs=1M count=64; exit 1"
    said = attacked(stage, text, image=image.repository, digest=image.digest)
    assert "tmpfs /var/cache tmpfs" in said
    assert "No space left on device" in said
