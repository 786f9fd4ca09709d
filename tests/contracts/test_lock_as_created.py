"""What is understood of a lock file is what the real Compose makes of it on a real engine, field by field."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import docker
import pytest

from reconciler.core.compose.drift import compared
from reconciler.core.container import ContainerConfig
from reconciler.core.deployment import compose_files, revision_files
from reconciler.core.desired import DesiredState
from reconciler.core.drift import FIELDS
from reconciler.core.effective import effective_config
from reconciler.core.image import ImageReference
from reconciler.core.project import PROJECT_LABEL, SERVICE_LABEL, Project, Service
from reconciler.engine.client import DockerEngine
from reconciler.spec.assemble import examine
from tests.parts.standard_images import StandardImages
from tests.spec.locks import LOCK_PATH, Beside, project

NEARLY_EVERYTHING = """\
services:
  long:
    image: IMAGE
    command: [sleep, "$$HOME", "a b"]
    entrypoint: ["/bin/busybox"]
    environment: {LEVEL: info, COUNT: 3, PRICE: "5$$", EMPTY: ""}
    labels: {team: shop, "stella.component.id": long}
    hostname: inner
    user: "1000:1000"
    working_dir: /srv
    ports:
      - {target: 80, published: "18080", host_ip: 127.0.0.1, protocol: tcp, mode: ingress}
      - {target: 53, published: "18053", protocol: udp}
      - {target: 81}
    volumes:
      - {type: volume, source: data, target: /data, volume: {nocopy: true}}
      - {type: volume, source: outside, target: /outside, read_only: true}
      - {type: volume, target: /scratch}
      - {type: bind, source: ./nginx.conf, target: /etc/nginx.conf, read_only: true}
      - {type: bind, source: HOSTDIR, target: /host, bind: {create_host_path: true}}
      - {type: tmpfs, target: /ram, tmpfs: {size: 65536}}
    tmpfs: [/run, "/var/run:size=64k"]
    configs:
      - {source: app, target: /etc/app.conf}
      - app
    secrets:
      - key
      - {source: key, target: other}
    networks:
      front: {aliases: [shop, www]}
      named:
    healthcheck: {test: ["CMD", "/bin/true"], interval: 1m30s, timeout: 2500ms, start_period: 1s, retries: 7}
    restart: on-failure:4
    mem_limit: 64m
    memswap_limit: 80m
    cpus: 0.5
    pids_limit: 50
    ulimits: {nofile: {soft: 100, hard: 200}, nproc: 64}
    shm_size: 16mb
    cap_add: [NET_ADMIN, cap_sys_time]
    cap_drop: [ALL]
    privileged: false
    security_opt: ["no-new-privileges:true"]
    read_only: true
    init: true
    stop_signal: SIGUSR1
    stop_grace_period: 1m5s
    logging: {driver: json-file, options: {max-size: 1m, max-file: 3}}
    extra_hosts: ["db:10.0.0.5", "api=10.0.0.6"]
    dns: [10.0.0.53, 10.0.0.54]
    dns_search: [example.com]
    sysctls: {net.core.somaxconn: 1024}
    devices: ["/dev/null:/dev/nothing:r"]
    group_add: ["1001"]
    tty: true
    stdin_open: true
    expose: ["9000"]
    oom_score_adj: 100
  short:
    image: IMAGE
    command: sh -c 'echo "$$0"'
    environment: [A=1, "B=x=y"]
    labels: [plain, "key=value"]
    ports: ["127.0.0.1::82", "83/udp"]
    volumes: ["data:/data:ro", "/anonymous", "HOSTDIR:/host:ro", "./nginx.conf:/etc/nginx.conf"]
    tmpfs: /run
    healthcheck: {test: exit 0}
    deploy:
      replicas: 2
      resources: {limits: {cpus: "0.25", memory: 32m, pids: 20}, reservations: {memory: 16m}}
      restart_policy: {condition: on-failure, max_attempts: 2}
    sysctls: [net.core.somaxconn=512]
    extra_hosts: {db: 10.0.0.7}
    dns: 10.0.0.55
    depends_on: [long]
  plain:
    image: IMAGE
    ports: ["18081:80"]
  always:
    image: IMAGE
    entrypoint: /bin/sh
    healthcheck: {disable: true}
    deploy: {restart_policy: {condition: any}}
    depends_on: {plain: {condition: service_started}}
  alone:
    image: IMAGE
    command: []
    network_mode: none
    restart: unless-stopped
    mem_limit: 67108864
    healthcheck: {interval: 9s}
  host:
    image: IMAGE
    network_mode: host
    pid: host
    ipc: host
    restart: always
networks:
  front: {driver: bridge, internal: true}
  named: {name: PROJECT-own}
volumes:
  data: {}
  outside: {external: true, name: PROJECT-outside}
configs:
  app: {file: ./app.conf}
secrets:
  key: {file: key.bin}
"""
SERVICES = ("alone", "always", "host", "long", "plain", "short")
FILES: Mapping[str, str | bytes] = {
    "nginx.conf": "listen 80;\n",
    "app.conf": "a=b\n",
    "key.bin": b"\xff\x00secret",
}


class Made:
    """A project that the real Compose created, not started."""

    def __init__(self, desired: DesiredState, live: DockerEngine, url: str) -> None:
        assert desired.project is not None
        self.desired = desired
        self.project: Project = desired.project
        self.live = live
        self.url = url

    def up(self, *more: str) -> None:
        desired, root = self.desired, Path(self.project.directory)
        files = revision_files(self.project, fingerprint=desired.fingerprint, document=desired.name, owner="me")
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        self.compose("up", "--no-start", "--pull", "never", "--remove-orphans", *more)

    def compose(self, *command: str) -> None:
        program = shutil.which("docker-compose")
        assert program, "install Docker Compose 2"
        lock, host = compose_files(self.project, self.desired.fingerprint)
        where = ("--project-directory", self.project.directory, "--env-file", "/dev/null")
        done = subprocess.run(
            [program, "-p", self.project.name, "-f", lock, "-f", host, *where, "--ansi", "never", *command],
            env={"PATH": os.environ["PATH"], "DOCKER_HOST": self.url, "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def containers(self) -> list[tuple[Service, str, ContainerConfig, ContainerConfig]]:
        """Service, name, what is wanted and what is there."""
        rows = [row for row in self.live.list_containers() if row.labels.get(PROJECT_LABEL) == self.project.name]
        found = []
        for row in rows:
            service = self.project.service(row.labels[SERVICE_LABEL])
            detail = self.live.inspect_container(row.id)
            assert service is not None
            assert detail is not None
            image = self.live.inspect_image(detail.image_id)
            wanted = effective_config(service.config, image, self.live.facts())
            mounts = compared(detail, replace(self.desired, config=wanted), service.name).config.mounts
            found.append((service, detail.name, wanted, replace(detail.config, mounts=mounts)))
        return found


def differences(service: Service, name: str, wanted: ContainerConfig, live: ContainerConfig) -> list[str]:
    """Field by field, without what Compose adds: its labels, and the names of container and service as aliases."""
    told = []
    for attribute, _, path in FIELDS:
        one, other = (_plain(attribute, getattr(side, attribute), (service.name, name)) for side in (wanted, live))
        if attribute in {"labels", "ulimits", "logging"} and one is not None:
            other = {key: value for key, value in other.items() if key in one}
        if one is not None and one != other:
            told.append(f"{name} {path}: {one} is wanted, {other} is there")
    return told


def _plain(attribute: str, value: Any, added: tuple[str, str]) -> Any:
    if value is None:
        return None
    if attribute == "networks":
        return {item.name: sorted(set(item.aliases) - set(added)) for item in value}
    if attribute == "logging":
        return {**({"driver": value.driver} if value.driver else {}), **(value.options or {})}
    if attribute == "health" and (value.disabled or not value.test):
        return "none"
    return value


@pytest.fixture
def made(
    engine_url: str, live: DockerEngine, sdk: docker.APIClient, images: StandardImages, prefix: str, tmp_path: Path
) -> Made:
    reference = ImageReference(images.web_v1.repository, images.web_v1.digest)
    live.pull(reference, deadline_s=60, progress=lambda line: None)
    (tmp_path / "host").mkdir()
    text = NEARLY_EVERYTHING.replace("IMAGE", str(reference)).replace("PROJECT", prefix)
    text = text.replace("HOSTDIR", str(tmp_path / "host"))
    config = f"projectName: {prefix}\ndeploymentDirectory: {tmp_path}/srv\n"
    config += f"configFiles: [{', '.join(f'shop/{name}' for name in FILES)}]"
    document = project(config=config, digests=", ".join(f"{name}: {reference.digest}" for name in SERVICES))
    beside = Beside({LOCK_PATH: text, **{f"shop/{name}": content for name, content in FILES.items()}})
    found = examine({"shop.yaml": document.encode()}, read=beside)
    assert not found.problems, [str(problem) for problem in found.problems]
    sdk.create_volume(f"{prefix}-outside")
    return Made(found.documents[0], live, engine_url)


@pytest.fixture
def live(engine_url: str) -> Iterator[DockerEngine]:
    """The engine under test."""
    live = DockerEngine(engine_url, clock=time.time)
    yield live
    live.close()


def test_every_field_is_what_compose_creates(made: Made) -> None:
    made.up()
    containers = made.containers()
    assert sorted(name for _, name, _, _ in containers) == sorted(made.desired.container_names)
    assert [line for item in containers for line in differences(*item)] == []


def test_nothing_differs_after_containers_were_recreated_with_their_anonymous_volumes(made: Made) -> None:
    made.up()
    made.up("--force-recreate")
    assert [line for item in made.containers() for line in differences(*item)] == []


def test_every_field_that_is_compared_is_tried() -> None:
    assert {attribute for attribute, _, _ in FIELDS} <= {field.name for field in fields(ContainerConfig)}
