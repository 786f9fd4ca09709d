"""The host's policy in the controller: what it keeps from being done, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.controller.lookout import LAST_POLICY, Lookout
from reconciler.controller.permitted_stickers import PermittedStickers
from reconciler.core.desired import StickerPlace
from reconciler.core.policy import Policy
from reconciler.core.policy_values import HostRoot
from reconciler.errors import InvalidSettings, StateUnwritable
from reconciler.sticker_store import StickerStore
from tests.controller.stage import Stage
from tests.controller.told import told_lines


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def quiet(_document: str, _line: str) -> None:
    """Nobody listens."""


def test_what_the_policy_refuses_is_not_deployed_and_the_reason_is_shown(stage: Stage) -> None:
    stage.write("web", config={"capAdd": ["SYS_ADMIN"]})
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "blocked"
    assert applied.error.startswith("the host's policy refuses")
    assert "web adds the capability SYS_ADMIN (web.yaml:1, rule capabilities)" in applied.error
    assert stage.world.engine.list_containers() == ()
    stage.policy = Policy(deployment_paths=(str(stage.folder),), capabilities=frozenset({"SYS_ADMIN"}))
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "converged"


def test_a_tighter_policy_leaves_what_runs_and_heals_it_and_the_check_up_tells(stage: Stage) -> None:
    wide = Policy(deployment_paths=(str(stage.folder),), capabilities=frozenset({"SYS_ADMIN"}))
    stage.policy = wide
    stage.write("web", config={"capAdd": ["SYS_ADMIN"]})
    stage.service().apply(progress=quiet)
    assert [item.level for item in stage.service().doctor() if item.subject == "policy"] == ["ok"]
    stage.policy = Policy(deployment_paths=(str(stage.folder),))
    (row,) = stage.world.engine.list_containers()
    stage.world.engine.stop(row.id, timeout_s=0)
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "converged"
    (healed,) = stage.world.engine.list_containers()
    assert (healed.id, healed.status) == (row.id, "running")
    (finding,) = (item for item in stage.service().doctor() if item.subject == "policy")
    assert finding.level == "warning"
    assert "the host's policy refuses: web adds the capability SYS_ADMIN" in finding.detail


def test_a_refused_upgrade_keeps_the_former_release_well(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    (row,) = stage.world.engine.list_containers()
    stage.world.engine.stop(row.id, timeout_s=0)
    stage.write("web", "v2", config={"networks": ["host"]})
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "blocked"
    assert "shares the network namespace of the host" in applied.error
    (kept,) = stage.world.engine.list_containers()
    assert (kept.id, kept.status) == (row.id, "running")


def test_a_link_in_a_permitted_folder_does_not_lead_out_of_it(stage: Stage) -> None:
    allowed = stage.folder / "allowed"
    allowed.mkdir()
    (allowed / "out").symlink_to("/etc")
    stage.policy = Policy(deployment_paths=(str(stage.folder),), host_paths=(HostRoot(str(allowed)),))
    stage.write("web", config={"volumes": [f"{allowed}/out:/in"]})
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "blocked"
    assert f"{allowed}/out, which leads to /etc, of the host" in applied.error


def test_a_sticker_is_neither_written_nor_removed_where_the_policy_refuses_it(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "out").symlink_to("/etc")
    policy = Policy(deployment_paths=(str(tmp_path / "allowed"),))
    stickers = PermittedStickers(StickerStore(stage.world.engine), lambda: policy)
    for path in (f"{tmp_path}/version.json", f"{tmp_path}/allowed/out/version.json"):
        with pytest.raises(
            StateUnwritable, match=r"the host's policy refuses a sticker at .*rule deploymentPaths"
        ):
            stickers.write(StickerPlace(path=path), b"{}", helper="")
        with pytest.raises(StateUnwritable, match="the host's policy refuses"):
            stickers.remove(StickerPlace(path=path), helper="")
        assert not Path(path).exists()
    place = StickerPlace(path=f"{tmp_path}/allowed/version.json")
    stickers.write(place, b"{}", helper="")
    assert stickers.read(place, helper="").content == b"{}"
    stickers.remove(place, helper="")
    assert stickers.read(place, helper="").content == b""


def test_a_policy_that_is_not_in_force_as_written_is_told_once(stage: Stage) -> None:
    trouble: list[InvalidSettings] = [InvalidSettings("policy.yaml:2:1: unknown key")]
    lookout = Lookout(
        assessor=stage.assessor,
        board=stage.board,
        prune=False,
        prune_cap_percent=20,
        policy_trouble=lambda: trouble[0] if trouble else None,
    )
    with told_lines() as lines:
        lookout.look()
        lookout.look()
        trouble.clear()
        lookout.look()
    told = [line["event"] for line in lines]
    assert told.count(LAST_POLICY) == 1
    assert told.count("the policy is in force as it is written") == 1
