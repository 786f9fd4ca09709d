"""Secrets with the real program on a real engine: where they are, where they are not, and what happens to them."""

from __future__ import annotations

import json
import shutil
import signal
from typing import Any

import pytest

from reconciler import unchanged
from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.e2e.test_counts import parts
from tests.parts.socket_proxy import SocketProxy

pytestmark = pytest.mark.engine

FIRST, SECOND = "first-value-of-the-password", "second-value-of-the-password"
PLACE = "/run/secrets/db"


def secret(sealed: str, **more: Any) -> dict[str, Any]:
    return {"config": {"secrets": [{"name": "db", "encrypted": sealed, **more}]}}


def inside(stage: Stage, path: str = PLACE) -> str:
    """What the container reads."""
    return stage.docker("exec", stage.name, "cat", path)


def drifts(stage: Stage) -> list[tuple[str, str]]:
    return [(item["kind"], item["path"]) for item in stage.plan()["drift"]]


def lying(stage: Stage) -> list[str]:
    """The opened secrets on the host, oldest version first."""
    files = sorted(stage.secrets.rglob("db"), key=lambda path: path.stat().st_mtime_ns)
    return [path.read_text() for path in files]


def mutating(stage: Stage, proxy: SocketProxy, *, expect: int) -> tuple[str, list[str]]:
    """What ``apply`` says, and the changing calls that it makes to the engine."""
    proxy.forget()
    done = stage.reconciler("apply", engine=proxy.url)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr, [f"{item.method} {item.path}" for item in proxy.mutating()]


def test_a_secret_is_a_file_in_memory_and_nowhere_else(stage: Stage, oracle: Oracle) -> None:
    told = stage.deploy("v1", **secret(stage.sealed(FIRST)))
    assert inside(stage) == FIRST
    assert stage.docker("exec", stage.name, "stat", "-c", "%a", PLACE) == "444"
    mounts = [line.split()[1:4] for line in stage.docker("exec", stage.name, "cat", "/proc/mounts").splitlines()]
    assert [[place, kind, options[:3]] for place, kind, options in mounts if place == PLACE] == [
        [PLACE, "tmpfs", "ro,"]
    ]
    assert FIRST not in json.dumps(told)
    assert FIRST not in "".join(stage.said)
    for path in stage.folder.rglob("*"):
        assert not path.is_file() or FIRST.encode() not in path.read_bytes(), path
    assert lying(stage) == [FIRST]
    oracle.holds("v1")


def test_a_rotated_secret_is_drift_of_its_own_and_a_bad_one_is_taken_back(stage: Stage, oracle: Oracle) -> None:
    probe = ["CMD", "/bin/sh", "-c", f"! grep bad {PLACE}"]
    good = {"test": probe, "interval": "1s", "retries": 1, "timeout": "15s"}
    rotated = {value: secret(stage.sealed(value)) for value in (FIRST, SECOND, "bad-value-of-the-password")}
    for spec in rotated.values():
        spec["config"]["healthCheck"] = good
    stage.deploy_here("v1", **rotated[FIRST])
    stage.write(stage.web("v1", **rotated[SECOND]))
    assert drifts(stage) == [("secret", "config.secrets.db")]
    stage.apply()
    assert inside(stage) == SECOND
    stage.write(stage.web("v1", **rotated["bad-value-of-the-password"]))
    done = stage.apply(expect=3)
    assert inside(stage) == SECOND
    assert "bad-value-of-the-password" not in done.stdout + done.stderr
    stage.write(stage.web("v1", **rotated[FIRST]))
    stage.apply()
    assert inside(stage) == FIRST
    oracle.holds("v1")


def test_a_secret_that_cannot_be_opened_blocks_before_anything_is_touched(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    stage.deploy_here("v1", **secret(stage.sealed(FIRST)))
    before, foreign = stage.identity(), stage.sealed(SECOND)
    stage.recipient = stage.new_identity()
    said, calls = mutating(stage, proxy, expect=0)
    assert calls == []
    stage.write(stage.web("v2", **secret(foreign)))
    said, calls = mutating(stage, proxy, expect=5)
    assert calls == []
    assert "db" in said
    assert "is encrypted for others" in said
    assert stage.identity() == before
    assert inside(stage) == FIRST
    stage.write(stage.web("v2", **secret(stage.sealed(SECOND))))
    stage.apply()
    assert inside(stage) == SECOND
    oracle.holds("v2")


def test_a_folder_that_is_not_in_memory_gets_no_secret(stage: Stage) -> None:
    stage.write(stage.web("v1", **secret(stage.sealed(FIRST))))
    disk = stage.folder / "disk"
    done = stage.apply(expect=5, RECONCILER_SECRETS_DIR=str(disk))
    if "is not in memory" not in done.stdout + done.stderr:
        pytest.skip("this host's temporary folder is in memory")
    assert not disk.exists()
    assert stage.ours() == {}


def test_a_secret_altered_by_hand_is_put_right(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1", **secret(stage.sealed(FIRST)))
    before = stage.identity()
    (path,) = stage.secrets.rglob("db")
    path.write_text("altered by hand")
    assert "altered by hand" not in json.dumps(stage.plan())
    assert {kind for kind, _ in drifts(stage)} == {"secret"}
    stage.apply()
    assert stage.identity() != before
    assert inside(stage) == FIRST
    oracle.holds("v1")


def test_after_a_reboot_everything_is_brought_again(fresh_stage: Stage, fresh_oracle: Oracle) -> None:
    stage = fresh_stage
    stage.deploy_here("v1", **secret(stage.sealed(FIRST)))
    stage.engine.kill()
    for left in stage.secrets.iterdir():
        shutil.rmtree(left)
    stage.engine.start()
    stage.apply()
    assert inside(stage) == FIRST
    eventually("it serves again", lambda: stage.page() == "web v1")
    fresh_oracle.holds("v1")


def test_as_a_variable_by_choice_it_is_in_the_environment_alone(stage: Stage) -> None:
    stage.write(stage.web("v1", **secret(stage.sealed(FIRST), envName="DB_DSN")))
    checked = stage.reconciler("validate")
    assert checked.returncode == 0
    assert "warning" in (checked.stdout + checked.stderr).lower()
    stage.apply()
    told = stage.inspect()
    assert f"DB_DSN={FIRST}" in told["Config"].pop("Env")
    assert FIRST not in json.dumps(told)
    assert stage.plan()["drift"] == []
    stage.write(stage.web("v1", **secret(stage.sealed(SECOND), envName="DB_DSN")))
    assert drifts(stage) == [("secret", "config.secrets.db")]
    stage.apply()
    assert f"DB_DSN={SECOND}" in stage.inspect()["Config"]["Env"]
    assert FIRST not in "".join(stage.said)
    assert SECOND not in "".join(stage.said)


def test_a_hook_is_given_what_it_asks_for_and_cannot_tell_it(stage: Stage) -> None:
    spec = secret(stage.sealed(FIRST))
    said = f"test -s {PLACE} && echo it is $(cat {PLACE}); base64 {PLACE} | tr -d '\\n'; echo"
    hook = {"command": ["/bin/sh", "-c", said], "secrets": ["db"]}
    spec["hooks"] = {"preDeploy": hook, "postDeploy": {"command": ["/bin/sh", "-c", f"! test -e {PLACE}"]}}
    stage.deploy("v1", **spec)
    events = stage.json("why", stage.name)["events"]
    details = [event["detail"] for event in events if event["action"] == "run-hook"]
    assert details[0].startswith("it is [secret]")
    assert FIRST not in "".join(stage.said)


def test_pruning_removes_all_of_it(stage: Stage) -> None:
    stage.deploy_here("v1", **secret(stage.sealed(FIRST)))
    stage.deploy_here("v1", **secret(stage.sealed(SECOND)))
    assert sorted(lying(stage)) == sorted([FIRST, SECOND])
    stage.write(document(f"{stage.prefix}-other", stage.images.plain, "p1"), file="other.yaml")
    (stage.desired / "web.yaml").unlink()
    done = stage.reconciler("prune", "--confirm")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lying(stage) == []
    assert not list(stage.secrets.rglob(stage.name))


def test_a_quiet_pass_costs_one_call_and_opens_and_reads_nothing(
    stage: Stage, proxy: SocketProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "SETTLED_NS", 0)
    spec = secret(stage.sealed(FIRST))
    spec["config"]["secrets"].append({"name": "token", "encrypted": stage.sealed(SECOND), "envName": "TOKEN"})
    spec["config"]["files"] = [{"path": "/etc/app.yml", "content": "level: info"}]
    stage.deploy_here("v1", **spec)
    with parts(stage, proxy) as opened:
        opened.assessor.assess()
        store = opened.deliveries
        before = (store.finder.read, store.opening.opened)
        proxy.forget()
        for _ in range(10):
            (found,) = opened.assessor.assess()
            assert not found.plan.changes
        assert len(proxy.requests) == 10
        assert (store.finder.read, store.opening.opened) == before


@pytest.mark.every_run("after:deliver-files")
@pytest.mark.fault("C1-C12")
@pytest.mark.parametrize("point", ["before:deliver-files", "after:deliver-files", "after:create-container"])
def test_killed_at_an_action_of_a_deploy_with_secrets(point: str, stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1", **secret(stage.sealed(FIRST)))
    stage.write(stage.web("v2", **secret(stage.sealed(SECOND))))
    killed = stage.reconciler("apply", RECONCILER_FAIL_AT=point)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    stage.apply()
    assert inside(stage) == SECOND
    oracle.holds("v2")
