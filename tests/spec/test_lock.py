"""What a lock file that is right comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import (
    Device,
    HealthProbe,
    Mount,
    NetworkAttachment,
    PortBinding,
    RestartPolicy,
    Ulimit,
)
from reconciler.core.desired import canonical_json
from reconciler.core.policy import Policy, refusals
from reconciler.core.project import LOCK_NAME, MountedFile, Need
from reconciler.errors import InvalidDocuments
from reconciler.spec.artifacts import no_artifacts
from reconciler.spec.assemble import examine
from reconciler.spec.build import build
from reconciler.spec.lock_service import full_repository
from reconciler.spec.problem import Wrong
from tests.spec.locks import LOCK_PATH, OTHER, Beside, examined, lock, project, shop, the_project, told, web
from tests.spec.texts import DIGEST, defaults, text

DB = f"db:\n  image: registry.example.com/shop/db@{DIGEST}\n"
BOTH = f"web: '{DIGEST}', db: '{DIGEST}'"


def test_a_service_that_says_nothing_has_what_compose_gives_it() -> None:
    service = web()
    assert service.config.networks == (NetworkAttachment("shop_default"),)
    assert service.config.restart_policy == RestartPolicy("no")
    assert (service.replicas, service.completes, service.tag) == (1, False, "")
    desired = shop(lock())
    assert (desired.kind, desired.container_names, desired.health_timeout_ms) == (
        "ComposeProject",
        ("shop-web-1",),
        60_000,
    )
    assert the_project(desired).directory == "/var/stella/shop/deployment"
    assert the_project(desired).networks == ("shop_default",)


@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        ("command: sh -c 'a b'", "command", ("sh", "-c", "a b")),
        ("entrypoint: [x, '$$y']", "entrypoint", ("x", "$y")),
        ("environment: [A=1, 'B=x=y']", "environment", {"A": "1", "B": "x=y"}),
        ("environment: {A: 1, B: 'a$$b'}", "environment", {"A": "1", "B": "a$b"}),
        ("labels: [plain, a=b]", "labels", {"plain": "", "a": "b"}),
        ("labels: {a: b}", "labels", {"a": "b"}),
        ("mem_limit: 1.5g", "memory_bytes", 1610612736),
        ("mem_limit: 10m", "memory_swap_bytes", 20 * 2**20),
        ("mem_limit: 10m\nmemswap_limit: -1", "memory_swap_bytes", -1),
        ("mem_limit: 9mib", "memory_bytes", 9 * 2**20),
        ("cpus: 1.5", "nano_cpus", 1_500_000_000),
        ("deploy: {resources: {limits: {cpus: '0.5', memory: 64m, pids: 9}}}", "pids_limit", 9),
        ("pids_limit: -1", "pids_limit", 0),
        ("stop_grace_period: 1m2.9s", "stop_timeout_s", 62),
        ("restart: on-failure:3", "restart_policy", RestartPolicy("on-failure", 3)),
        ("restart: always\ndeploy: {restart_policy: {condition: none}}", "restart_policy", RestartPolicy("no")),
        ("deploy: {restart_policy: {max_attempts: 2}}", "restart_policy", RestartPolicy("always", 2)),
        ("healthcheck: {disable: true}", "health", HealthProbe(test=("NONE",))),
        ("healthcheck: {test: [NONE]}", "health", HealthProbe(test=("NONE",))),
        (
            "healthcheck: {test: x y, interval: 1500us}",
            "health",
            HealthProbe(test=("CMD-SHELL", "x y"), interval_ms=1),
        ),
        ("healthcheck: {}", "health", None),
        ("extra_hosts: {a: [10.0.0.1, '::1'], b: 10.0.0.2}", "extra_hosts", ("a:10.0.0.1", "a:::1", "b:10.0.0.2")),
        ("extra_hosts: [a=10.0.0.1, 'b:10.0.0.2']", "extra_hosts", ("a:10.0.0.1", "b:10.0.0.2")),
        ("dns: 10.0.0.1", "dns", ("10.0.0.1",)),
        ("devices: [/dev/fuse]", "devices", (Device("/dev/fuse", "/dev/fuse"),)),
        ("ulimits: {nofile: 5}", "ulimits", {"nofile": Ulimit(5, 5)}),
        ("security_opt: ['no-new-privileges:true']", "no_new_privileges", True),
        ("user: 1000", "user", "1000"),
        (
            "ports: [80, {target: 81, host_ip: '::1', published: 82}]",
            "ports",
            (PortBinding(80), PortBinding(81, "tcp", "::1", 82)),
        ),
        ("ports: [{target: 81, host_ip: 127.0.0.1}]", "ports", (PortBinding(81, "tcp", "127.0.0.1"),)),
        ("network_mode: host", "networks", (NetworkAttachment("host"),)),
        (
            "tmpfs: ['/run:size=1m']\nvolumes: [{type: tmpfs, target: /x, tmpfs: {size: 5}}, {type: tmpfs, target: /y}]",  # noqa: E501
            "tmpfs",
            {"/run": "size=1m", "/x": "size=5", "/y": ""},
        ),
        ("volumes: [/anonymous]", "mounts", None),
        ("logging: {driver: local}", "logging", None),
        ("logging: {options: {a: 1}}", "logging", None),
    ],
)
def test_a_key_becomes_a_field(keys: str, field: str, value: object) -> None:
    found = getattr(web(keys).config, field)
    assert found == value or (field == "logging" and found is not None)


def test_networks_and_volumes_have_the_names_of_the_engine() -> None:
    keys = (
        "networks: {front: {aliases: [b, a]}, own: , outside: , default: }\n"
        "volumes: ['data:/a', 'out:/b:ro', 'n:/c']"
    )
    rest = (
        "networks: {front: , own: {name: mine}, outside: {external: true}, unused: {}}\n"
        "volumes: {data: , out: {external: true, name: theirs}, n: {driver_opts: {device: /srv}}}\n"
    )
    desired = shop(lock(keys, rest=rest))
    found = the_project(desired)
    service = found.services[0]
    assert service.config.networks == (
        NetworkAttachment("mine"),
        NetworkAttachment("outside"),
        NetworkAttachment("shop_default"),
        NetworkAttachment("shop_front", ("a", "b")),
    )
    assert service.config.mounts == (
        Mount("/a", "shop_data"),
        Mount("/b", "theirs", "volume", read_only=True),
        Mount("/c", "shop_n"),
    )
    assert found.networks == ("mine", "shop_default", "shop_front")
    assert (found.volumes, found.external_volumes) == (("shop_data", "shop_n"), ("theirs",))
    assert found.external_networks == ("outside",)
    assert service.extras == ("volumes.driver_opts",)


def test_files_are_mounted_from_where_they_will_lie() -> None:
    files: dict[str, str | bytes] = {"shop/a.conf": "a", "shop/b.key": b"\xff"}
    keys = (
        "configs: [a, {source: host, target: x}]\nsecrets: [{source: b, target: c}]\n"
        "volumes: ['./a.conf:/d:rw', '/srv/x:/e:rshared', "
        "{type: bind, source: b.key, target: /f, read_only: true}]"
    )
    rest = "configs: {a: {file: ./a.conf}, host: {file: /etc/hosts}}\nsecrets: {b: {file: b.key}}\n"
    desired = shop(lock(keys, rest=rest), config="configFiles: [shop/b.key, shop/a.conf]", files=files)
    found = the_project(desired)
    at = {item.name: found.artifact_path(item) for item in found.files}
    service = found.services[0]
    assert [item.name for item in found.files] == ["a.conf", "b.key"]
    assert service.files == tuple(
        sorted(
            (
                MountedFile(artifact="a.conf", target="/a", key="a"),
                MountedFile(artifact="a.conf", target="/d", kind="bind", read_only=False),
                MountedFile(artifact="b.key", target="/f", kind="bind"),
                MountedFile(artifact="b.key", target="/run/secrets/c", kind="secret", key="b"),
            )
        )
    )
    assert service.config.mounts == (
        Mount("/a", at["a.conf"], "bind", read_only=True),
        Mount("/d", at["a.conf"], "bind"),
        Mount("/e", "/srv/x", "bind"),
        Mount("/f", at["b.key"], "bind", read_only=True),
        Mount("/run/secrets/c", at["b.key"], "bind", read_only=True),
        Mount("/x", "/etc/hosts", "bind", read_only=True),
    )
    assert service.extras == ("volumes.bind.propagation",)
    assert build(json.loads(canonical_json(desired.document))) == desired


@pytest.mark.parametrize("size", ["99999999999t", "9223372036854775808"])
def test_a_size_beyond_what_the_engine_counts_with_is_refused(size: str) -> None:
    assert f'"{size}" is more than any host has' in "".join(told(f"mem_limit: '{size}'"))


@pytest.mark.parametrize("modes", ["ro,rw", "rw,ro", "rw,z,ro"])
def test_a_mount_is_read_only_or_not_and_never_both(modes: str) -> None:
    """Compose takes the last word: what the policy looked at would not be what is mounted."""
    assert "is read only and not; remove one of ro and rw" in "".join(told(f"volumes: ['/srv/x:/x:{modes}']"))


@pytest.mark.parametrize(
    ("mount", "extras"),
    [
        ("'/srv/x:/x:ro,z'", ("volumes.bind.selinux",)),
        ("'/srv/x:/x:Z,rshared'", ("volumes.bind.propagation", "volumes.bind.selinux")),
        ("{type: bind, source: /srv/x, target: /x, bind: {selinux: z}}", ("volumes.bind.selinux",)),
        ("'data:/x:z'", ()),
    ],
)
def test_labels_of_host_files_are_the_policys_affair(mount: str, extras: tuple[str, ...]) -> None:
    assert web(f"volumes: [{mount}]", rest="volumes: {data: {}}\n").extras == extras


def test_a_digest_that_begins_like_a_number_is_a_text() -> None:
    digest = "0b" + "9c" * 31
    origin = f"x-stella: {{sources: [{{file: compose.yaml, sha256: {digest}}}]}}\n"
    assert web(rest=origin).name == "web"


def test_what_the_policy_has_a_say_in_is_named() -> None:
    keys = (
        "pid: host\nipc: private\nuts: host\nuserns_mode: host\ncgroup: host\nruntime: x\ncgroup_parent: y\n"
        "security_opt: ['seccomp:unconfined', 'no-new-privileges']\nexternal_links: [a]"
    )
    service = web(keys)
    assert service.namespaces == {"pid": "host", "uts": "host", "userns": "host", "cgroup": "host"}
    assert service.security == ("seccomp:unconfined",)
    assert service.extras == ("cgroup_parent", "external_links", "runtime")


@pytest.mark.parametrize(
    ("keys", "rest", "extras"),
    [
        ("oom_score_adj: -1", "", ("oom_score_adj",)),
        ("oom_score_adj: 500", "", ()),
        ("networks: [n]", "networks: {n: {driver: macvlan}}\n", ("networks.driver",)),
        ("networks: [n]", "networks: {n: {driver: bridge, driver_opts: {}, ipam: {driver: default}}}\n", ()),
        ("networks: [n]", "networks: {n: {external: true, driver: macvlan}}\n", ()),
        ("", "networks: {default: {driver_opts: {bridge.name: eth0}}}\n", ("networks.driver_opts",)),
        ("networks: [n]", "networks: {n: {ipam: {driver: other}}}\n", ("networks.ipam.driver",)),
        ("", "networks: {n: {driver: macvlan}}\n", ()),
        ("volumes: ['v:/v']", "volumes: {v: {driver: local}}\n", ()),
        ("volumes: ['v:/v']", "volumes: {v: {driver: nfs}}\n", ("volumes.driver",)),
        ("volumes: ['v:/v']", "volumes: {v: {external: true, driver: nfs, driver_opts: {a: b}}}\n", ()),
    ],
)
def test_drivers_and_favours_of_the_host_are_a_matter_of_the_policy(
    keys: str, rest: str, extras: tuple[str, ...]
) -> None:
    service = the_project(shop(lock(keys, rest=rest))).services[0]
    assert service.extras == extras
    refused = refusals(shop(lock(keys, rest=rest)), Policy())
    assert [line.partition(" uses the key ")[2].partition(" ")[0] for line in refused] == list(extras)


def test_needs_are_read_in_every_form_and_a_job_is_what_is_awaited() -> None:
    keys = (
        "depends_on: {db: {condition: service_completed_successfully}}\nlinks: ['db:x']\n"
        "network_mode: service:db\n"
        "volumes_from: ['container:old']"
    )
    found = the_project(shop(lock(keys, services=DB), digests=BOTH))
    db, service = found.services
    assert service.needs == (Need("db", "completed"),)
    assert (service.follows, db.follows) == (("db",), ())
    assert service.config.networks == (NetworkAttachment("service:db"),)
    assert service.namespaces == {"network": "service:db"}
    assert db.completes
    assert not service.completes
    assert web('restart: "no"').completes
    assert web("deploy: {restart_policy: {condition: on-failure}}").completes


def test_what_the_author_wrote_is_known() -> None:
    origin = "x-stella: {generator: reconciler, images: {web: 'registry.example.com/shop/web:1.2'}}\n"
    assert web(rest=origin).tag == "registry.example.com/shop/web:1.2"


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("nginx:1", "docker.io/library/nginx"),
        ("a/b@sha256:x", "docker.io/a/b"),
        ("index.docker.io/a/b", "docker.io/a/b"),
        ("localhost/a", "localhost/a"),
        ("host:5000/a:1", "host:5000/a"),
    ],
)
def test_a_repository_is_one_however_much_of_it_is_left_out(short: str, full: str) -> None:
    assert full_repository(short) == full


def test_replicas_are_containers_of_their_own() -> None:
    assert shop(lock("scale: 2")).container_names == ("shop-web-1", "shop-web-2")
    assert shop(lock("container_name: one")).container_names == ("one",)


def test_a_port_is_for_one_container_of_a_project() -> None:
    assert told("ports: ['80:1', '80:2']")[0].endswith("host port 80/tcp is given twice")
    assert told("ports: ['127.0.0.1:80:1', '127.0.0.2:80:2']") == []


def test_short_and_long_form_of_the_lock_are_the_same_wish() -> None:
    import hashlib  # noqa: PLC0415

    digest, size = hashlib.sha256(lock().encode()).hexdigest(), len(lock())
    long = project(source=f"{{source: {LOCK_PATH}, sha256: {digest}, size: {size}}}")
    (desired,) = examined(long, {LOCK_PATH: lock()}).documents
    assert desired == shop(lock())
    assert desired.document["artifacts"] == [{"name": LOCK_NAME, "source": LOCK_PATH, "text": lock()}]


def test_a_stored_document_without_or_with_other_contents_is_refused() -> None:
    document = dict(shop(lock()).document)
    with pytest.raises(InvalidDocuments, match="not at hand"):
        build({key: value for key, value in document.items() if key != "artifacts"})
    kept = [{**document["artifacts"][0], "text": "services: {web: {image: web}}"}]
    with pytest.raises(InvalidDocuments, match=r"shop/compose\.stella\.lock\.yml:1:25: services\.web\.image"):
        build({**document, "artifacts": kept})


def test_without_a_folder_no_file_is_read() -> None:
    with pytest.raises(Wrong, match="not at hand"):
        no_artifacts("a")


def test_a_project_takes_of_the_defaults_what_it_has_itself() -> None:
    spec = (
        "config: {memoryLimit: 1Gi, healthCheck: {timeout: 9s}}\nstrategy: {order: start-first, minHealthy: 7s}\n"
        "drift: {mode: warn, ignore: [config.environment.A, sticker]}\nadopt: true\ndeletionPolicy: delete\n"
        "sticker: {location: volume, path: x}"
    )
    files = {"d.yaml": defaults(spec, "{labels: {a: b}}").encode(), "shop.yaml": project().encode()}
    found = examine(files, read=Beside({LOCK_PATH: lock()}))
    assert found.problems == ()
    (desired,) = found.documents
    assert (desired.health_timeout_ms, desired.strategy.min_healthy_ms) == (9_000, 7_000)
    assert (desired.strategy.order, desired.adopt, desired.deletion_policy) == ("stop-first", False, "delete")
    assert (desired.drift.mode, desired.drift.ignore) == ("warn", ("sticker",))
    assert desired.sticker.location == "host"
    assert desired.labels == {"a": "b"}
    assert build(json.loads(canonical_json(desired.document))) == desired
    assert examine(
        {"d.yaml": defaults().encode(), "shop.yaml": files["shop.yaml"]}, read=Beside({LOCK_PATH: lock()})
    ).sound


def test_paths_to_ignore_are_those_of_services() -> None:
    paths = "drift: {ignore: [services.web, services.web.config.privileged, services.web.config.environment.A, x]}"
    found = examined(project(spec=paths), {LOCK_PATH: lock()})
    assert found.problems == ()
    assert len(found.documents[0].drift.ignore) == 4


def two(one: str, other: str, *, second: str = "store", config: str = "", spec: str = "") -> list[str]:
    text_of_both = project() + "---\n" + project(second, config=config, spec=spec, source="b.lock.yml")
    found = examined(text_of_both, {LOCK_PATH: one, "b.lock.yml": other})
    return [f"{problem.path}: {problem.message}" for problem in found.problems]


def test_two_projects_share_neither_name_folder_container_nor_port() -> None:
    assert two(lock(), lock()) == []
    names = two(lock(), lock(), config="projectName: shop")
    assert any('composeLock: the container name "shop-web-1" is also' in line for line in names)
    assert any("the project name is also used by" in line for line in names)
    nested = two(lock(), lock(), config="deploymentDirectory: /var/stella/shop/deployment/inner")
    assert len([line for line in nested if "or one lies in the other" in line]) == 2
    ports = two(lock("ports: ['80:1']"), lock("ports: ['127.0.0.1:80:1']"))
    assert len([line for line in ports if "host port 80/tcp is also used by" in line]) == 2


def test_a_container_and_a_project_share_neither_name_nor_port() -> None:
    files = {
        "shop.yaml": project().encode(),
        "web.yaml": text("web", config="containerName: Shop-Web-1\nports: ['80:80']").encode(),
    }
    found = examine(files, read=Beside({LOCK_PATH: lock("ports: ['80:80']")}))
    assert len(found.problems) == 4


def test_a_project_is_completed_when_all_of_its_services_are_jobs() -> None:
    waits = "dependsOn: [{name: shop, condition: completed}]"
    assert two(lock('restart: "no"'), lock(), spec=waits) == []
    (told_of,) = two(lock(), lock(), spec=waits)
    assert told_of.startswith('spec.dependsOn[0].name: "shop" never completes: its service "web" is no job')


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "command": st.lists(st.text(alphabet="ab é\n\"'", max_size=4), max_size=3),
        "environment": st.dictionaries(NAMES, st.text(alphabet="xy =:#'\"é", max_size=5), max_size=3),
        "restart": st.sampled_from(["no", "always", "on-failure:2"]),
        "mem_limit": st.integers(6 * 2**20, 2**40),
        "scale": st.integers(1, 3),
        "healthcheck": st.just({"test": "x", "retries": 2}),
        "volumes": st.lists(NAMES, max_size=2, unique=True).map(lambda names: [f"/{name}" for name in names]),
    },
)


@given(KEYS, st.binary(max_size=20))
def test_a_project_builds_the_same_again_from_what_is_stored(keys: dict[str, Any], content: bytes) -> None:
    image = f"registry.example.com/shop/web@{DIGEST}"
    mount = {"type": "bind", "source": "./x.bin", "target": "/x.bin"}
    volumes = [*keys.get("volumes", ()), mount]
    service = {**keys, "volumes": volumes, "image": image}
    text_of_lock = json.dumps({"services": {"web": service}}, ensure_ascii=False)
    desired = shop(text_of_lock, config="configFiles: [x.bin]", files={"x.bin": content})
    stored = json.loads(canonical_json(desired.document))
    again = build(stored)
    assert again == desired
    assert again.fingerprint == desired.fingerprint
    assert [item.content for item in the_project(again).files] == [content]
    assert replace(again, project=None) != desired


def test_an_image_that_is_not_the_expected_one_is_refused() -> None:
    found = told(digests=f"web: '{OTHER}'")
    assert found[0].startswith("shop.yaml:8:28: spec.config.expectedDigests.web: is 3c3c3c3c3c3c")
