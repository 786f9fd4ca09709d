"""The policy file's text."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml

from reconciler.core.policy_values import DeviceRoot, HostRoot, Maximum, Policy, PortRange
from reconciler.core.signing import PublicKey, SignatureRule
from reconciler.spec.policy import KEYS, MAXIMUM, read_policy
from reconciler.spec.schema import schema

FULL = """\
version: 1
registries: [registry.example.com/shop, "localhost:5000", "*/tools"]
privileged: true
engineSocket: true
capabilities: [cap_net_admin, ALL]
hostNamespaces: [network, pid]
hostPaths: [/srv/www/:ro, /srv/data, "/var/run/x:rw"]
deploymentPaths: [/srv]
devices: ["/dev/fuse", "/dev/snd:rw"]
securityOptions: ["seccomp:unconfined"]
sysctls: [vm.max_map_count]
ports: [8080, "1024-65535", "127.0.0.1:1-65535", "[::1]:443"]
maximum: {memory: 2Gi, cpus: 1.5, pids: 500}
hookNetworks: [migrations]
composeKeys: [volumes.driver_opts]
signatures:
- {prefix: "*", keys: [/etc/k.pub]}
- {prefix: registry.example.com/shop, keys: [/etc/a.pub, /etc/b.pub], offline: /srv/signatures}
"""


def read(text: str) -> tuple[Policy | None, list[str]]:
    policy, problems = read_policy(text.encode(), "policy.yaml")
    return policy, [str(problem) for problem in problems]


def test_every_key_is_read() -> None:
    policy, problems = read(FULL)
    assert problems == []
    assert policy == Policy(
        registries=("registry.example.com/shop", "localhost:5000", "*/tools"),
        privileged=True,
        engine_socket=True,
        capabilities=frozenset({"NET_ADMIN", "ALL"}),
        host_namespaces=frozenset({"network", "pid"}),
        host_paths=(HostRoot("/srv/www", True), HostRoot("/srv/data"), HostRoot("/run/x")),
        deployment_paths=("/srv",),
        devices=(DeviceRoot("/dev/fuse"), DeviceRoot("/dev/snd", "rw")),
        security_options=frozenset({"seccomp=unconfined"}),
        sysctls=frozenset({"vm.max_map_count"}),
        ports=(
            PortRange(8080, 8080),
            PortRange(1024, 65535),
            PortRange(1, 65535, "127.0.0.1"),
            PortRange(443, 443, "::1"),
        ),
        maximum=Maximum(memory_bytes=2 << 30, nano_cpus=1_500_000_000, pids=500),
        hook_networks=frozenset({"migrations"}),
        compose_keys=frozenset({"volumes.driver_opts"}),
        signatures=(
            SignatureRule(prefix="*", keys=(PublicKey("/etc/k.pub"),)),
            SignatureRule(
                prefix="registry.example.com/shop",
                keys=(PublicKey("/etc/a.pub"), PublicKey("/etc/b.pub")),
                offline="/srv/signatures",
            ),
        ),
        source="policy.yaml",
    )
    assert set(yaml.safe_load(FULL)) == {"version", *KEYS}


def test_a_version_alone_is_the_built_in_policy() -> None:
    assert read("version: 1\n") == (Policy(source="policy.yaml"), [])


WRONG = {
    "no version": ("privileged: true", "1:1: version: must be 1"),
    "another version": ("version: 2", "1:10: version: must be 1"),
    "a version that is none": ("version: true", "1:10: version: must be 1"),
    "unknown": ("version: 1\nhostPath: [/srv]", '2:1: hostPath: unknown key; allowed: .*did you mean "hostPaths"'),
    "unknown maximum": ("version: 1\nmaximum: {cpu: 1}", '2:11: maximum.cpu: unknown key.*did you mean "cpus"'),
    "a list": ("- version", "must be a mapping"),
    "a maximum that is none": ("version: 1\nmaximum: 3", "2:10: maximum: must be a mapping; allowed: memory"),
    "two documents": ("version: 1\n---\nversion: 1", "holds one YAML document"),
    "an alias": ("version: &v 1", "anchors are not allowed"),
    "no list": ("version: 1\nhostPaths: /srv", r'2:12: hostPaths: must be a list; write \["/srv"\]'),
    "a mapping for a list": ("version: 1\nhostPaths: {a: b}", "2:12: hostPaths: must be a list$"),
    "no text": ("version: 1\nhostPaths: [true]", r"2:13: hostPaths\[0\]: must be a text"),
    "an empty text": ('version: 1\nregistries: [""]', "must be a text that is not empty"),
    "no switch": ("version: 1\nprivileged: yes", "2:13: privileged: must be true or false"),
    "a tag": ('version: 1\nregistries: ["nginx:1.2/x:3"]', "is not a beginning of a repository"),
    "a relative path": ("version: 1\nhostPaths: [srv]", "must be absolute"),
    "dots": ("version: 1\nhostPaths: [/srv/../etc]", r'must not contain "\.\."'),
    "a pattern": ("version: 1\nhostPaths: [/srv/*]", "is a pattern; a path allows all below it"),
    "a mode": ("version: 1\nhostPaths: ['/srv:r']", '"r" is not a mode'),
    "device rights": ("version: 1\ndevices: ['/dev/fuse:x']", "is not a device"),
    "a device path": ("version: 1\ndevices: [fuse]", "must be absolute"),
    "a namespace": ("version: 1\nhostNamespaces: [net]", '"net" is not a namespace; allowed: network'),
    "a capability": ("version: 1\ncapabilities: [NET_ADMN]", 'did you mean "NET_ADMIN"'),
    "a port": ("version: 1\nports: [http]", "is not a range of ports; allowed: .ADDRESS"),
    "ports upside down": ("version: 1\nports: ['2-1']", "the lower one first"),
    "an address": ("version: 1\nports: ['::x:1']", "is not a range"),
    "another address": ("version: 1\nports: ['host:1']", '"host" is not an IP address'),
    "an option": ("version: 1\nsecurityOptions: ['a b']", "is not a security option"),
    "a word": ("version: 1\nsysctls: ['a b']", "is not a name"),
    "memory": ("version: 1\nmaximum: {memory: lots}", "2:19: maximum.memory: .* is not a size"),
    "memory of no kind": ("version: 1\nmaximum: {memory: true}", "must be a size"),
    "cpus": ("version: 1\nmaximum: {cpus: []}", "must be a number of CPUs"),
    "pids": ("version: 1\nmaximum: {pids: 0}", "must be a whole number, at least 1"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_told_at_its_place(text: str, message: str) -> None:
    policy, problems = read(text)
    assert policy is None
    assert len(problems) == 1, problems
    assert re.search(message, problems[0]), problems[0]
    assert problems[0].startswith("policy.yaml:")


def test_everything_wrong_is_told_at_once_in_its_order() -> None:
    _, problems = read("version: 1\nports: [x]\nhostPaths: [y, z]\nfoo: 1\n")
    assert [problem.split(":")[1] for problem in problems] == ["2", "3", "3", "4"]


SCHEMA = schema("policy.v1.schema.json")


def test_the_schema_has_the_keys_that_are_read() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert list(SCHEMA["properties"]) == ["version", *KEYS]
    assert set(SCHEMA["properties"]["maximum"]["properties"]) == set(MAXIMUM)


def test_what_is_read_is_right_by_the_schema_too() -> None:
    jsonschema.validate(yaml.safe_load(FULL), SCHEMA)


@pytest.mark.parametrize(
    "name", ["unknown", "unknown maximum", "no list", "a namespace", "pids", "a pattern", "no text"]
)
def test_what_the_schema_refuses_is_refused(name: str) -> None:
    found: Any = yaml.safe_load(WRONG[name][0])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_all_that_is_wrong_with_signatures_is_told_at_its_place() -> None:
    text = """\
version: 1
signatures:
- {keys: [/etc/k.pub]}
- {prefix: "shop@1", keys: [k.pub, /etc/k.pub], offline: 7}
- {prefix: shop, keys: []}
- {prefix: shop, keys: [/etc/k.pub], key: /etc/k.pub}
- shop
"""
    policy, problems = read(text)
    assert policy is None
    told = [problem.partition("policy.yaml:")[2] for problem in problems]
    assert [item.split(" ")[1].rstrip(":") for item in told] == [
        "signatures[0]",
        "signatures[1].prefix",
        "signatures[1].keys[0]",
        "signatures[1].offline",
        "signatures[2].keys",
        "signatures[3].key",
        "signatures[4]",
    ]
