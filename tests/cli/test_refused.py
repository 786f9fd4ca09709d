"""Where a document says what the host's policy refuses of it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.cli.refused import refused_field
from reconciler.core.policy import Policy, Refusal, find_refusals
from reconciler.core.policy_values import Maximum
from tests.spec.texts import desired

STRICT = Policy(
    registries=("registry.example.com/other",), ports=(), maximum=Maximum(memory_bytes=1, nano_cpus=1, pids=1)
)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"capAdd": ["CHOWN", "SYS_ADMIN"]}, "spec.config.capAdd.1"),
        ({"volumes": ["data:/srv", "/srv:/data"]}, "spec.config.volumes.1"),
        ({"ports": [{"hostPort": 8080, "containerPort": 80}]}, "spec.config.ports.0"),
        ({"devices": ["/dev/kvm:/dev/kvm:r"]}, "spec.config.devices.0"),
        ({"sysctls": {"net.core.somaxconn": "1", "kernel.panic": "1"}}, "spec.config.sysctls.kernel.panic"),
        ({"ports": ["127.0.0.1:8080:80"]}, "spec.config.ports.0"),
        ({"memoryLimit": "8Gi"}, "spec.config.memoryLimit"),
        ({"cpuLimit": 2}, "spec.config.cpuLimit"),
        ({"pidsLimit": 2}, "spec.config.pidsLimit"),
        ({}, "spec.image"),
    ],
)
def test_the_field_that_asks_for_what_is_refused_is_found(config: dict[str, Any], field: str) -> None:
    document = desired(config)
    found = [refused_field(refusal, document.document) for refusal in find_refusals(document, STRICT)]
    assert field in [".".join(map(str, path)) for path in found]


@pytest.mark.parametrize(
    ("rule", "asked", "of", "field"),
    [
        ("hostPaths", "mounts /etc", {"service": "web"}, ("spec", "config", "composeLock")),
        ("hookNetworks", "joins the network db", {"hook": "preDeploy"}, ("spec", "hooks", "preDeploy", "network")),
        ("deploymentPaths", "has its sticker at /srv/x", {}, ("spec", "sticker", "path")),
        ("deploymentPaths", "has the deployment directory /x", {}, ("spec", "config", "deploymentDirectory")),
        ("privileged", "is privileged", {}, ()),
        ("hostPaths", "mounts /etc", {}, ("spec", "config", "volumes")),
    ],
)
def test_what_has_no_field_of_its_own_is_told_where_it_comes_from(
    rule: str, asked: str, of: dict[str, str], field: tuple[str, ...]
) -> None:
    """Of a lock file's services that is where the document names it."""
    refusal = Refusal(rule=rule, asked=asked, allow="", document="web", **of)
    assert refused_field(refusal, {"spec": {"config": {"volumes": ["data:/data"]}}}) == field
