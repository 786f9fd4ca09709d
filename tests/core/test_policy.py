"""What the host's policy refuses: every rule, for both kinds of document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig, Device, Logging, Mount, NetworkAttachment, PortBinding
from reconciler.core.desired import DesiredState, Release, SourceLocation, StickerPlace
from reconciler.core.image import ImageReference
from reconciler.core.policy import Policy, find_refusals, host_paths, on_host, refusals
from reconciler.core.policy_paths import normal
from reconciler.core.policy_values import DeviceRoot, HostRoot, Maximum, PortRange
from reconciler.core.project import Project, Service, artifact
from reconciler.core.repository import matches

IMAGE = ImageReference("registry.example.com/shop/web", f"sha256:{'a' * 64}")
PLACE = SourceLocation("shop.yaml", 7)
OPEN = {"source": "/etc/reconciler/policy.yaml"}


def container(
    config: ContainerConfig | None = None, *, image: ImageReference = IMAGE, **more: Any
) -> DesiredState:
    wish = DesiredState(name="shop", release=Release("r1", "R1"), image=image, container_name="shop", source=PLACE)
    return replace(wish, config=config or ContainerConfig(), **more)


def project(
    config: ContainerConfig | None = None,
    *,
    image: ImageReference = IMAGE,
    directory: str = "/var/stella/shop/deployment",
    files: dict[str, bytes] | None = None,
    **service: Any,
) -> DesiredState:
    made = Project(
        name="shop",
        directory=directory,
        lock=artifact("lock", b""),
        services=(
            Service(name="db", image=IMAGE, config=ContainerConfig()),
            Service(name="web", image=image, config=config or ContainerConfig(), **service),
        ),
        files=tuple(artifact(name, content) for name, content in (files or {}).items()),
    )
    return DesiredState(
        name="shop", release=Release("r1", "R1"), project=made, kind="ComposeProject", source=PLACE
    )


def rules(desired: DesiredState, policy: Policy, **links: Any) -> list[str]:
    return [item.rule for item in find_refusals(desired, policy, **links)]


def bind(source: str, *, read_only: bool = False) -> ContainerConfig:
    return ContainerConfig(mounts=(Mount("/in", source, "bind", read_only),))


def published(text: str, **port: Any) -> ContainerConfig:
    return ContainerConfig(ports=(PortBinding(80, "tcp", text, **port),))


def paths(*roots: str, **more: Any) -> Policy:
    made = (HostRoot(root.removesuffix(":ro"), root.endswith(":ro")) for root in roots)
    return Policy(host_paths=tuple(made), **more)


HOST_NETWORK = ContainerConfig(networks=(NetworkAttachment("host"),))
FUSE = ContainerConfig(devices=(Device("/dev/fuse", "/dev/fuse"),))
READ_FUSE = ContainerConfig(devices=(Device("/dev/fuse", "/dev/fuse", "r"),))

CASES: dict[str, tuple[ContainerConfig, Policy, str]] = {
    "nothing asked": (ContainerConfig(), Policy(), ""),
    "empty lists": (ContainerConfig(ports=(), mounts=(), cap_add=(), devices=(), sysctls={}), Policy(), ""),
    "privileged": (ContainerConfig(privileged=True), Policy(), "privileged"),
    "privileged, permitted": (ContainerConfig(privileged=True), Policy(privileged=True), ""),
    "not privileged": (ContainerConfig(privileged=False), Policy(), ""),
    "a capability": (ContainerConfig(cap_add=("SYS_ADMIN",)), Policy(), "capabilities"),
    "a permitted capability": (
        ContainerConfig(cap_add=("SYS_ADMIN",)),
        Policy(capabilities=frozenset({"SYS_ADMIN"})),
        "",
    ),
    "another capability": (
        ContainerConfig(cap_add=("SYS_ADMIN",)),
        Policy(capabilities=frozenset({"SYS_TIME"})),
        "capabilities",
    ),
    "all capabilities": (
        ContainerConfig(cap_add=("ALL",)),
        Policy(capabilities=frozenset({"SYS_TIME"})),
        "capabilities",
    ),
    "all capabilities, permitted": (
        ContainerConfig(cap_add=("ALL",)),
        Policy(capabilities=frozenset({"ALL"})),
        "",
    ),
    "a capability that all containers have": (
        ContainerConfig(cap_drop=("ALL",), cap_add=("NET_BIND_SERVICE",)),
        Policy(),
        "",
    ),
    "the host's network": (HOST_NETWORK, Policy(), "hostNamespaces"),
    "the host's network, permitted": (HOST_NETWORK, Policy(host_namespaces=frozenset({"network"})), ""),
    "the host's network, another permitted": (
        HOST_NETWORK,
        Policy(host_namespaces=frozenset({"pid"})),
        "hostNamespaces",
    ),
    "no network": (ContainerConfig(networks=(NetworkAttachment("none"),)), Policy(), ""),
    "a device": (FUSE, Policy(), "devices"),
    "a permitted device": (FUSE, Policy(devices=(DeviceRoot("/dev/fuse"),)), ""),
    "a device with fewer rights permitted": (FUSE, Policy(devices=(DeviceRoot("/dev/fuse", "r"),)), "devices"),
    "a device with the rights permitted": (READ_FUSE, Policy(devices=(DeviceRoot("/dev/fuse", "rw"),)), ""),
    "a device below a permitted folder": (
        ContainerConfig(devices=(Device("/dev/snd/timer", "/dev/snd/timer"),)),
        Policy(devices=(DeviceRoot("/dev/snd"),)),
        "",
    ),
    "a device out of a permitted folder by dots": (
        ContainerConfig(devices=(Device("/dev/snd/../mem", "/dev/mem"),)),
        Policy(devices=(DeviceRoot("/dev/snd"),)),
        "devices",
    ),
    "a contained kernel parameter": (ContainerConfig(sysctls={"net.core.somaxconn": "1"}), Policy(), ""),
    "a kernel parameter of the host": (ContainerConfig(sysctls={"vm.swappiness": "1"}), Policy(), "sysctls"),
    "a permitted kernel parameter of the host": (
        ContainerConfig(sysctls={"vm.swappiness": "1"}),
        Policy(sysctls=frozenset({"vm.swappiness"})),
        "",
    ),
    "a parameter of the host's own network": (
        replace(HOST_NETWORK, sysctls={"net.core.somaxconn": "1"}),
        Policy(host_namespaces=frozenset({"network"})),
        "sysctls",
    ),
    "a volume": (ContainerConfig(mounts=(Mount("/in", "data"),)), Policy(), ""),
    "a host path": (bind("/srv/www"), Policy(), "hostPaths"),
    "a host path to read": (bind("/srv/www", read_only=True), Policy(), "hostPaths"),
    "a permitted path": (bind("/srv/www"), paths("/srv/www"), ""),
    "a path below a permitted one": (bind("/srv/www/a"), paths("/srv"), ""),
    "a path beside a permitted one": (bind("/srvx"), paths("/srv"), "hostPaths"),
    "a path above a permitted one": (bind("/srv"), paths("/srv/www"), "hostPaths"),
    "a path to write below one to read": (bind("/srv/www"), paths("/srv:ro"), "hostPaths"),
    "a path to read below one to read": (bind("/srv/www", read_only=True), paths("/srv:ro"), ""),
    "out of a permitted path by dots": (bind("/srv/../home"), paths("/srv"), "hostPaths"),
    "a permitted path written otherwise": (bind("//srv/./www//"), paths("/srv/www/"), ""),
    "the host's settings below a wide root": (bind("/etc/ssl"), paths("/"), "hostPaths"),
    "the host's settings by dots": (bind("/srv/../etc"), paths("/srv", "/"), "hostPaths"),
    "the host's settings, named": (bind("/etc/ssl"), paths("/etc/ssl"), ""),
    "the host's settings, named above": (bind("/etc/ssl/certs"), paths("/etc/ssl"), ""),
    "the host's settings, another named": (bind("/etc/ssh"), paths("/", "/etc/ssl"), "hostPaths"),
    "a folder with the engine's data": (bind("/var/lib"), paths("/var/lib"), "hostPaths"),
    "a folder with the engine's data, named": (
        bind("/var/lib"),
        paths("/var/lib", "/var/lib/docker", "/var/lib/containerd"),
        "",
    ),
    "the whole host": (bind("/"), paths("/srv", engine_socket=True), "hostPaths"),
    "the whole host, named": (bind("/"), paths("/", engine_socket=True), ""),
    "the whole host, named, without its engine": (bind("/"), paths("/"), "engineSocket"),
    "the whole host, named to be read": (bind("/"), paths("/:ro", engine_socket=True), "hostPaths"),
    "the engine's socket": (bind("/var/run/docker.sock", read_only=True), Policy(), "engineSocket"),
    "the engine's socket by its other name": (bind("/run/docker.sock"), paths("/run"), "engineSocket"),
    "the engine's socket by dots": (bind("/srv/..//run/docker.sock/"), paths("/srv"), "engineSocket"),
    "the engine's socket, permitted": (bind("/var/run/docker.sock"), Policy(engine_socket=True), ""),
    "the folder of the socket": (bind("/var/run"), paths("/run"), "engineSocket"),
    "the folder of the socket, half permitted": (bind("/run"), Policy(engine_socket=True), "hostPaths"),
    "the folder of the socket, permitted": (bind("/run"), paths("/var/run", engine_socket=True), ""),
    "the socket of this engine": (
        bind("/opt/engine"),
        on_host(paths("/opt"), engine_sockets=("/opt/engine/docker.sock",)),
        "engineSocket",
    ),
    "the controller's state": (
        bind("/srv/state/x"),
        on_host(paths("/srv"), guarded=("/srv/state/",)),
        "hostPaths",
    ),
    "a folder with the controller's state": (
        bind("/srv"),
        on_host(paths("/srv"), guarded=("/srv/state",)),
        "hostPaths",
    ),
    "any registry": (ContainerConfig(), Policy(registries=None), ""),
    "the registry": (ContainerConfig(), Policy(registries=("registry.example.com",)), ""),
    "another registry": (ContainerConfig(), Policy(registries=("other.example.com",)), "registries"),
    "no registry": (ContainerConfig(), Policy(registries=()), "registries"),
    "any port": (published("", host_port=22), Policy(), ""),
    "a port out of the range": (published("", host_port=22), Policy(ports=(PortRange(1024, 65535),)), "ports"),
    "a port of the range": (published("", host_port=8080), Policy(ports=(PortRange(1024, 65535),)), ""),
    "a port on every address": (
        published("", host_port=80),
        Policy(ports=(PortRange(1, 65535, "127.0.0.1"),)),
        "ports",
    ),
    "a port on the address": (
        published("127.0.0.1", host_port=80),
        Policy(ports=(PortRange(1, 65535, "127.0.0.1"),)),
        "",
    ),
    "a port that the engine chooses": (published(""), Policy(ports=(PortRange(1024, 65535),)), ""),
    "a port that the engine may choose otherwise": (
        published(""),
        Policy(ports=(PortRange(40000, 65535),)),
        "ports",
    ),
    "no ports": (published("", host_port=8080), Policy(ports=()), "ports"),
    "no memory limit": (ContainerConfig(), Policy(maximum=Maximum(memory_bytes=10)), "maximum.memory"),
    "an endless memory limit": (
        ContainerConfig(memory_bytes=0),
        Policy(maximum=Maximum(memory_bytes=10)),
        "maximum.memory",
    ),
    "too much memory": (
        ContainerConfig(memory_bytes=11),
        Policy(maximum=Maximum(memory_bytes=10)),
        "maximum.memory",
    ),
    "memory enough": (ContainerConfig(memory_bytes=10), Policy(maximum=Maximum(memory_bytes=10)), ""),
    "endless swap": (
        ContainerConfig(memory_bytes=10, memory_swap_bytes=-1),
        Policy(maximum=Maximum(memory_bytes=10)),
        "maximum.memory",
    ),
    "too much swap": (
        ContainerConfig(memory_bytes=10, memory_swap_bytes=21),
        Policy(maximum=Maximum(memory_bytes=10)),
        "maximum.memory",
    ),
    "swap enough": (
        ContainerConfig(memory_bytes=10, memory_swap_bytes=20),
        Policy(maximum=Maximum(memory_bytes=10)),
        "",
    ),
    "too many CPUs": (ContainerConfig(nano_cpus=2), Policy(maximum=Maximum(nano_cpus=1)), "maximum.cpus"),
    "CPUs enough": (ContainerConfig(nano_cpus=1), Policy(maximum=Maximum(nano_cpus=1)), ""),
    "endless processes": (ContainerConfig(pids_limit=-1), Policy(maximum=Maximum(pids=5)), "maximum.pids"),
    "processes enough": (ContainerConfig(pids_limit=5), Policy(maximum=Maximum(pids=5)), ""),
}


@pytest.mark.parametrize("kind", [container, project])
@pytest.mark.parametrize(("config", "policy", "rule"), CASES.values(), ids=list(CASES))
def test_a_rule_holds_for_both_kinds(kind: Any, config: ContainerConfig, policy: Policy, rule: str) -> None:
    found = {item.rule for item in find_refusals(kind(config), policy) if item.service != "db"}
    assert found == ({rule} if rule else set())


SERVICES: dict[str, tuple[dict[str, Any], Policy, str]] = {
    "the host's processes": ({"namespaces": {"pid": "host"}}, Policy(), "hostNamespaces"),
    "the host's processes, permitted": (
        {"namespaces": {"pid": "host"}},
        Policy(host_namespaces=frozenset({"pid"})),
        "",
    ),
    "the host's users": ({"namespaces": {"userns": "host"}}, Policy(), "hostNamespaces"),
    "a stranger's network": ({"namespaces": {"network": "container:other"}}, Policy(), "hostNamespaces"),
    "another service's network": ({"namespaces": {"network": "service:db"}}, Policy(), ""),
    "a namespace of its own": ({"namespaces": {"ipc": "private", "cgroup": "private"}}, Policy(), ""),
    "an unconfined service": ({"security": ("seccomp:unconfined",)}, Policy(), "securityOptions"),
    "an unconfined service, permitted": (
        {"security": ("seccomp:unconfined",)},
        Policy(security_options=frozenset({"seccomp=unconfined"})),
        "",
    ),
    "an option without a value": ({"security": ("label",)}, Policy(), "securityOptions"),
    "a further key": ({"extras": ("device_cgroup_rules",)}, Policy(), "composeKeys"),
    "a further key, permitted": (
        {"extras": ("device_cgroup_rules",)},
        Policy(compose_keys=frozenset({"device_cgroup_rules"})),
        "",
    ),
    "a folder for deployments": ({"directory": "/srv/shop"}, Policy(), "deploymentPaths"),
    "a folder for deployments, permitted": ({"directory": "/srv/shop"}, Policy(deployment_paths=("/srv",)), ""),
    "deployments out of the folder by dots": ({"directory": "/var/stella/../../etc"}, Policy(), "deploymentPaths"),
    "deployments in the root": ({"directory": "/"}, Policy(), "deploymentPaths"),
    "deployments in the settings": ({"directory": "/etc/x"}, Policy(deployment_paths=("/",)), "deploymentPaths"),
}


@pytest.mark.parametrize(("service", "policy", "rule"), SERVICES.values(), ids=list(SERVICES))
def test_what_only_a_service_can_ask_for_is_refused(service: dict[str, Any], policy: Policy, rule: str) -> None:
    assert rules(project(**service), policy) == ([rule] if rule else [])


def test_the_parameters_of_a_network_that_is_the_hosts_by_its_mode_are_refused() -> None:
    asked = project(ContainerConfig(sysctls={"net.core.somaxconn": "1"}), namespaces={"network": "host"})
    assert rules(asked, Policy(host_namespaces=frozenset({"network"}))) == ["sysctls"]


def test_the_hosts_network_is_refused_once_and_not_hidden_by_another_word() -> None:
    assert rules(project(HOST_NETWORK, namespaces={"network": "private"}), Policy()) == ["hostNamespaces"]


def test_a_documents_own_files_are_no_host_paths() -> None:
    plain = project(files={"nginx.conf": b"x"})
    assert plain.project
    own = plain.project.artifact_path(plain.project.files[0])
    asked = project(bind(own, read_only=True), files={"nginx.conf": b"x"})
    assert refusals(asked, Policy()) == ()
    beside = project(bind(f"{own}x", read_only=True), files={"nginx.conf": b"x"})
    assert rules(beside, Policy()) == ["hostPaths"]


@pytest.mark.parametrize(
    ("path", "policy", "refused"),
    [
        ("/var/stella/shop/version.json", Policy(), False),
        ("/srv/shop.json", Policy(), True),
        ("/srv/shop.json", Policy(deployment_paths=("/srv",)), False),
        ("/etc/cron.d/shop", Policy(deployment_paths=("/",)), True),
        ("/var/stella/../../etc/passwd", Policy(), True),
    ],
)
def test_a_sticker_lies_where_the_controller_may_write(path: str, policy: Policy, refused: bool) -> None:
    asked = container(sticker=StickerPlace(path=path))
    assert rules(asked, policy) == (["deploymentPaths"] if refused else [])


@pytest.mark.parametrize(
    ("key", "value", "permitted", "refused"),
    [
        ("syslog-address", "unixgram:///run/docker.sock", Policy(), ["engineSocket"]),
        ("fluentd-address", "unix://var/run/docker.sock", Policy(), ["engineSocket"]),
        ("syslog-address", "UNIX:///dev/log", Policy(), ["hostPaths"]),
        ("syslog-address", "unix:///dev/log", paths("/dev/log"), []),
        ("splunk-capath", "/etc/ssl/own.pem", Policy(), ["hostPaths"]),
        ("syslog-tls-ca-cert", "/srv/ca.pem", Policy(host_paths=(HostRoot("/srv", read_only=True),)), []),
        ("syslog-address", "udp://192.0.2.1:514", Policy(), []),
        ("tag", "/{{.Name}}", Policy(), []),
        ("max-size", "10m", Policy(), []),
    ],
)
def test_what_a_log_driver_opens_on_the_host_is_as_good_as_mounted(
    key: str, value: str, permitted: Policy, refused: list[str]
) -> None:
    assert rules(container(ContainerConfig(logging=Logging("", {key: value}))), permitted) == refused
    assert rules(container(ContainerConfig(logging=Logging("json-file"))), permitted) == []


def test_a_sticker_in_a_volume_asks_for_nothing() -> None:
    asked = container(sticker=StickerPlace(location="volume", path="etc/passwd", volume="data"))
    assert refusals(asked, Policy()) == ()
    assert host_paths(asked) == ()


def test_a_link_is_refused_for_what_it_leads_to() -> None:
    policy = paths("/srv")
    asked = container(bind("/srv/data"))
    assert refusals(asked, policy) == ()
    (told,) = refusals(asked, policy, links={"/srv/data": "/etc"})
    assert "mounts /srv/data, which leads to /etc, of the host" in told
    (socket,) = find_refusals(asked, policy, links={"/srv/data": "/run/docker.sock"})
    assert socket.rule == "engineSocket"
    sticker = container(sticker=StickerPlace(path="/var/stella/x"))
    (told,) = refusals(sticker, policy, links={"/var/stella/x": "/etc/x"})
    assert "its sticker at /var/stella/x, which leads to /etc/x" in told


def test_the_host_paths_of_a_document_are_known() -> None:
    asked = project(bind("/srv/data"))
    assert host_paths(asked) == ("/srv/data", "/var/stella/shop/deployment")
    assert host_paths(container(bind("/srv"), sticker=StickerPlace(path="/var/stella/x"))) == (
        "/srv",
        "/var/stella/x",
    )


def test_a_refusal_names_everything() -> None:
    (told,) = refusals(project(bind("/srv/www", read_only=True)), Policy())
    assert told == (
        "shop, service web mounts /srv/www of the host read only (shop.yaml:7, rule hostPaths): "
        'to allow it, add "/srv/www:ro" to hostPaths in /etc/reconciler/policy.yaml'
    )
    (told,) = refusals(container(ContainerConfig(privileged=True)), Policy(source="/p.yaml"))
    assert (
        told == "shop is privileged (shop.yaml:7, rule privileged): to allow it, set privileged: true in /p.yaml"
    )
    limit = Policy(maximum=Maximum(memory_bytes=1 << 30), source="/p.yaml")
    (told,) = refusals(container(source=None), limit)
    assert told == (
        "shop declares no limit of memory, the most is 1Gi (rule maximum.memory): "
        "declare memoryLimit of at most 1Gi; the bound is set in /p.yaml"
    )
    (told,) = refusals(container(ContainerConfig(memory_bytes=2 << 30)), limit)
    assert "wants 2Gi of memory" in told
    assert "declare mem_limit" in refusals(project(), limit)[0]


def test_a_root_with_everything_in_it_is_named_in_full() -> None:
    allow = [item.allow for item in find_refusals(container(bind("/var/lib")), paths("/var/lib"))]
    assert [text.split('"')[1] for text in allow] == ["/var/lib/docker", "/var/lib/containerd"]


@pytest.mark.parametrize(
    ("repository", "pattern", "so"),
    [
        ("index.docker.io/shop/web", "index.docker.io/shop", True),
        ("shop/web", "index.docker.io/shop", True),
        ("Index.Docker.io/nginx", "docker.io/library", True),
        ("REGISTRY/web", "docker.io", False),
        ("REGISTRY/web", "REGISTRY", True),
        ("registry.example.com/shop/web", "registry.example.com/shop", True),
        ("registry.example.com/shop/web", "registry.example.com/shop/", True),
        ("registry.example.com/shop/web", "REGISTRY.example.com/*/web", True),
        ("registry.example.com/shopping/web", "registry.example.com/shop", False),
        ("registry.example.com.evil.org/shop", "registry.example.com", False),
        ("registry.example.com:5000/shop", "registry.example.com", False),
        ("localhost/shop", "localhost", True),
        ("localhost:5000/shop", "localhost:5000", True),
        ("nginx", "docker.io", True),
        ("nginx", "nginx", True),
        ("docker.io/nginx", "docker.io/library/nginx", True),
        ("index.docker.io/library/nginx", "nginx", True),
        ("evil/nginx", "nginx", False),
        ("shop/web", "shop/", True),
        ("shop/web", "docker.io/shop", True),
        ("library/nginx", "shop/", False),
        ("registry.example.com/a/b", "*", True),
        ("registry.example.com/a/b", "*/a", True),
        ("registry.example.com/a", "registry.example.com/a/b", False),
        ("", "registry.example.com", False),
    ],
)
def test_a_pattern_matches_whole_parts_of_a_repository(repository: str, pattern: str, so: bool) -> None:
    assert matches(repository, pattern) is so


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/..", "/"),
        ("srv", "/srv"),
        ("/srv/", "/srv"),
        ("//srv//a/./b/../c", "/srv/a/c"),
        ("/var/run", "/run"),
        ("/var/run/docker.sock", "/run/docker.sock"),
        ("/var/lock/x", "/run/lock/x"),
        ("/var/runs", "/var/runs"),
    ],
)
def test_a_path_has_one_normal_form(path: str, form: str) -> None:
    assert normal(path) == form
    assert normal(normal(path)) == form


def test_values_are_shown_as_they_are_written() -> None:
    shown = (
        HostRoot("/srv", True),
        HostRoot("/srv"),
        DeviceRoot("/dev/fuse"),
        DeviceRoot("/dev/fuse", "r"),
        PortRange(80, 80),
        PortRange(1, 9, "127.0.0.1"),
        PortRange(1, 9, "::1"),
    )
    assert list(map(str, shown)) == [
        "/srv:ro",
        "/srv",
        "/dev/fuse",
        "/dev/fuse:r",
        "80",
        "127.0.0.1:1-9",
        "[::1]:1-9",
    ]


PARTS = st.lists(
    st.sampled_from(["srv", "etc", "var", "lib", "docker", "run", "..", ".", "", "docker.sock"]), max_size=5
)
PATHS = PARTS.map(lambda parts: "/" + "/".join(parts))
ROOTS = st.builds(HostRoot, PATHS.map(normal), st.booleans())
POLICIES = st.builds(
    Policy,
    privileged=st.booleans(),
    engine_socket=st.booleans(),
    capabilities=st.frozensets(st.sampled_from(["ALL", "SYS_ADMIN", "NET_ADMIN"])),
    host_namespaces=st.frozensets(st.sampled_from(["network", "pid"])),
    host_paths=st.lists(ROOTS, max_size=4).map(tuple),
    deployment_paths=st.lists(PATHS.map(normal), max_size=2).map(tuple),
    devices=st.lists(st.builds(DeviceRoot, PATHS, st.sampled_from(["r", "rw", "rwm"])), max_size=2).map(tuple),
    security_options=st.frozensets(st.sampled_from(["seccomp=unconfined", "label=disable"])),
    sysctls=st.frozensets(st.sampled_from(["vm.swappiness", "net.core.somaxconn"])),
    compose_keys=st.frozensets(st.sampled_from(["gpus", "runtime"])),
    registries=st.none()
    | st.lists(st.sampled_from(["*", "registry.example.com", "nginx"]), max_size=2).map(tuple),
    ports=st.none()
    | st.lists(st.sampled_from([PortRange(1, 99), PortRange(1, 65535, "::1")]), max_size=2).map(tuple),
    maximum=st.builds(Maximum, memory_bytes=st.none() | st.integers(1, 20), pids=st.none() | st.integers(1, 5)),
)
CONFIGS = st.builds(
    ContainerConfig,
    privileged=st.none() | st.booleans(),
    cap_add=st.lists(st.sampled_from(["ALL", "SYS_ADMIN", "CHOWN"]), max_size=2).map(tuple),
    networks=st.lists(st.sampled_from([NetworkAttachment("host"), NetworkAttachment("front")]), max_size=2).map(
        tuple
    ),
    mounts=st.lists(st.builds(Mount, st.just("/in"), PATHS, st.just("bind"), st.booleans()), max_size=3).map(
        tuple
    ),
    devices=st.lists(st.builds(Device, PATHS, st.just("/d"), st.sampled_from(["r", "rwm"])), max_size=2).map(
        tuple
    ),
    ports=st.lists(st.sampled_from([PortBinding(1), PortBinding(1, "tcp", "::1", 80)]), max_size=2).map(tuple),
    sysctls=st.sampled_from([None, {"vm.swappiness": "1"}, {"net.core.somaxconn": "1"}]),
    memory_bytes=st.none() | st.integers(0, 20),
    memory_swap_bytes=st.none() | st.integers(-1, 40),
    pids_limit=st.none() | st.integers(-1, 5),
)
WISHES = st.builds(container, CONFIGS) | st.builds(
    project,
    CONFIGS,
    directory=PATHS,
    namespaces=st.dictionaries(st.sampled_from(["pid", "network"]), st.sampled_from(["host", "service:db"])),
    security=st.lists(st.sampled_from(["seccomp:unconfined", "label=disable"]), max_size=2).map(tuple),
    extras=st.lists(st.sampled_from(["gpus", "runtime"]), max_size=2).map(tuple),
)


def both(one: Policy, other: Policy) -> Policy:
    """What either of two policies permits; of two bounds none."""
    wide = {
        name: getattr(one, name) | getattr(other, name)
        for name in ("privileged", "engine_socket", "capabilities", "host_namespaces")
    }
    wide |= {
        name: getattr(one, name) | getattr(other, name) for name in ("security_options", "sysctls", "compose_keys")
    }
    wide |= {
        name: getattr(one, name) + getattr(other, name) for name in ("host_paths", "deployment_paths", "devices")
    }
    for name in ("registries", "ports"):
        first, second = getattr(one, name), getattr(other, name)
        wide[name] = None if first is None or second is None else first + second
    return Policy(**wide)


@given(WISHES, POLICIES, POLICIES)
def test_permitting_more_never_refuses_more(desired: DesiredState, one: Policy, other: Policy) -> None:
    if not refusals(desired, one):
        assert refusals(desired, both(one, other)) == ()


@given(WISHES, POLICIES)
def test_what_is_refused_can_be_permitted_by_doing_what_is_said(desired: DesiredState, policy: Policy) -> None:
    for item in find_refusals(desired, policy):
        assert item.rule in item.allow or item.rule.startswith("maximum.")
        assert policy.place in item.allow


@given(PATHS, POLICIES, st.booleans())
def test_how_a_path_is_written_changes_nothing(path: str, policy: Policy, read_only: bool) -> None:
    plain = bool(refusals(container(bind(normal(path), read_only=read_only)), policy))
    assert bool(refusals(container(bind(path, read_only=read_only)), policy)) is plain
    assert bool(refusals(container(bind(f"/srv/..{path}//", read_only=read_only)), policy)) is plain
