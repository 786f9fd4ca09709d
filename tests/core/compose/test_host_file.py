"""The host file: what this host adds to a lock file, so that Compose sees just that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from reconciler.core.container import ContainerConfig
from reconciler.core.deployment import host_model, host_text
from reconciler.core.image import ImageReference
from reconciler.core.project import MountedFile, Need, Project, Service, artifact

RESET = '"depends_on": {}'


def project(*services: Service, directory: str = "/srv/shop") -> Project:
    files = (artifact("nginx.conf", b"listen 80"),)
    return Project(name="shop", directory=directory, lock=artifact("lock", b""), services=services, files=files)


def service(name: str, **fields: object) -> Service:
    return Service(name=name, image=ImageReference("x", "sha256:1"), config=ContainerConfig(), **fields)  # type: ignore[arg-type]


def text(of: Project) -> str:
    return host_text(host_model(of, document="shop", owner="me")).decode()


def test_needs_are_taken_out_of_what_compose_sees_and_nothing_else_is_touched() -> None:
    tricky = service("depends_on", files=(MountedFile(artifact="nginx.conf", target=RESET, kind="bind"),))
    told = text(project(service("db"), tricky, service("web", needs=(Need("db"),))))
    assert told.count("!reset") == 1
    assert json.loads(told.replace("!reset ", "")) == host_model(
        project(service("db"), tricky, service("web", needs=(Need("db"),))), document="shop", owner="me"
    )


def test_no_text_of_the_host_file_is_taken_for_a_variable() -> None:
    mounted = MountedFile(artifact="nginx.conf", target="/www/$PATH", kind="bind")
    told = yaml.safe_load(text(project(service("web", files=(mounted,)), directory="/srv/${A:-.}")))
    (volume,) = told["services"]["web"]["volumes"]
    assert volume["target"] == "/www/$$PATH"
    assert volume["source"].startswith("/srv/$${A:-.}/files/")


def test_the_file_of_an_external_secret_is_named_and_its_version_is_in_the_label() -> None:
    mounted = MountedFile(artifact="", target="/run/secrets/external", kind="secret", key="external")
    of = replace(project(service("web", files=(mounted,)), service("db")), secrets=("external",))

    def model(place: str) -> Mapping[str, Any]:
        return host_model(of, document="shop", owner="me", secrets={"external": place})

    first, second = model("/mem/shop/1/external"), model("/mem/shop/2/external")
    assert first["secrets"] == {"external": {"external": {}, "file": "/mem/shop/1/external"}}
    assert b'"external": !reset {}' in host_text(first)
    assert host_text(first).count(b"!reset") == 1
    assert first["services"]["web"] != second["services"]["web"]
    assert first["services"]["db"] == second["services"]["db"]
