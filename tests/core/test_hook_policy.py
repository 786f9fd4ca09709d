"""What the host's policy says of hooks."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.container import ContainerConfig
from reconciler.core.desired import DesiredState, ImageReference, Release
from reconciler.core.hook import Hook
from reconciler.core.policy import Policy, find_refusals
from reconciler.core.policy_values import Maximum

IMAGE = ImageReference("registry.example.com/shop/web", "sha256:" + "a" * 64)
TOOLS = ImageReference("elsewhere.example.com/tools", "sha256:" + "b" * 64)


def with_hook(**fields: Any) -> DesiredState:
    hook = Hook(**{"name": "postDeploy", "command": ("x",), "image": IMAGE, **fields})
    return DesiredState(
        name="web",
        release=Release("1", "1"),
        image=IMAGE,
        container_name="web",
        config=ContainerConfig(memory_bytes=1 << 24, nano_cpus=10**8, pids_limit=10),
        hooks=(hook,),
    )


@pytest.mark.parametrize("network", ["none", "container"])
def test_a_hook_that_joins_no_network_needs_no_permission(network: str) -> None:
    assert find_refusals(with_hook(network=network), Policy()) == ()


@pytest.mark.parametrize("network", ["bridge", "back"])
def test_a_network_has_to_be_named(network: str) -> None:
    (refused,) = find_refusals(with_hook(network=network), Policy())
    assert (refused.rule, refused.hook) == ("hookNetworks", "postDeploy")
    assert str(refused) == (
        f"web, hook postDeploy joins the network {network} (rule hookNetworks): "
        f'to allow it, add "{network}" to hookNetworks in /etc/reconciler/policy.yaml'
    )
    assert find_refusals(with_hook(network=network), Policy(hook_networks=frozenset({network}))) == ()


def test_a_networks_permission_is_for_hooks_alone() -> None:
    assert {item.rule for item in find_refusals(with_hook(network="host"), Policy())} == {
        "hookNetworks",
        "hostNamespaces",
    }


def test_images_of_hooks_come_from_where_images_may() -> None:
    policy = Policy(registries=("registry.example.com",))
    assert find_refusals(with_hook(), policy) == ()
    (refused,) = find_refusals(with_hook(image=TOOLS), policy)
    assert (refused.rule, refused.hook) == ("registries", "postDeploy")


@pytest.mark.parametrize(
    ("maximum", "rule", "advice"),
    [
        (Maximum(memory_bytes=1 << 25), "maximum.memory", "declare memoryLimit of at most 32Mi"),
        (Maximum(nano_cpus=500_000_000), "maximum.cpus", "declare cpuLimit of at most 0.5"),
        (Maximum(pids=20), "maximum.pids", "declare pidsLimit of at most 20"),
    ],
)
def test_limits_of_hooks_are_bounded_as_those_of_containers(maximum: Maximum, rule: str, advice: str) -> None:
    refused = find_refusals(with_hook(), Policy(maximum=maximum))
    assert [(item.rule, item.hook) for item in refused] == [(rule, "postDeploy")]
    assert advice in str(refused[0])
    small = with_hook(memory_bytes=1 << 24, nano_cpus=10**8, pids_limit=8)
    assert find_refusals(small, Policy(maximum=maximum)) == ()
