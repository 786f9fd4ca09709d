"""Where a project's hooks stand in its plans."""

from __future__ import annotations

from typing import Any

from reconciler.core.action import ContainerRef, RunHook
from reconciler.core.desired import DesiredState
from reconciler.core.hook import Hook, HookName
from reconciler.core.plan import Plan
from tests.core.compose.host import Host, document, reference, service


def hook(name: HookName, **fields: Any) -> Hook:
    return Hook(**{"name": name, "command": ("x",), "image": reference("web"), "service": "web", **fields})


def shop(release: str, *hooks: Hook, **fields: Any) -> DesiredState:
    return document(release, service("web", fields.pop("image", "web")), hooks=hooks, **fields)


def planned(wanted: DesiredState, *before: DesiredState) -> Plan:
    host = Host()
    for desired in before:
        host.settle(desired)
    host.wanted = wanted
    return host.plan()


def kinds(plan: Plan) -> list[str]:
    return [action.kind for action in plan.actions]


def hooks_of(plan: Plan) -> list[RunHook]:
    return [action for action in plan.actions if isinstance(action, RunHook)]


def test_hooks_run_after_the_check_before_anything_changes_and_after_all_is_well() -> None:
    plan = planned(shop("2", hook("preDeploy"), hook("postDeploy"), hook("preRollback"), image="new"), shop("1"))
    order = kinds(plan)
    assert [item.hook.name for item in hooks_of(plan)] == ["preDeploy", "postDeploy"]
    first = order.index("run-hook")
    last = order.index("run-hook", first + 1)
    assert order.index("check-project") < order.index("record-intent") < first < order.index("activate-revision")
    assert order[last + 1] == "commit"


def test_going_back_runs_the_hook_of_going_back() -> None:
    plan = planned(shop("1", hook("preDeploy"), hook("preRollback")), shop("1"), shop("2", image="new"))
    assert plan.purpose == "rollback"
    assert [item.hook.name for item in hooks_of(plan)] == ["preRollback"]


def test_a_project_that_has_to_give_way_serves_until_the_hook_has_run() -> None:
    order = kinds(planned(shop("2", hook("preDeploy"), project_name="store", files=()), shop("1")))
    assert "run-hook" in order
    assert order.index("run-hook") < order.index("activate-revision")


def test_a_project_in_the_way_of_the_check_goes_down_before_both() -> None:
    order = kinds(planned(shop("2", hook("preDeploy"), directory="/srv/other"), shop("1")))
    assert order.index("compose-down") < order.index("check-project") < order.index("run-hook")
    assert order.index("run-hook") < order.index("activate-revision")


def test_the_network_is_that_of_the_services_first_container() -> None:
    (action,) = hooks_of(planned(shop("1", hook("postDeploy", network="container"))))
    assert (action.beside, action.project) == (ContainerRef("shop-web-1"), "shop")
    assert action.facts.digest.startswith("sha256:")


def test_a_hook_without_a_container_shares_no_network() -> None:
    tools = hook("postDeploy", image=reference("tools"), service="")
    plan = planned(shop("1", tools))
    (action,) = hooks_of(plan)
    assert (action.beside, action.project) == (None, "")
    verified = [item.target for item in plan.actions if item.kind == "verify-image"]
    assert verified == [str(reference("web")), str(reference("tools"))]
