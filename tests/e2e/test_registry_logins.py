"""Logins of registries: each prefix with its own; what is refused is told, tried seldom, and touches nothing."""

from __future__ import annotations

import base64
import json
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from reconciler.core.secret import Secret
from reconciler.credentials import age
from tests.e2e.documents import document
from tests.e2e.stage import Stage, eventually
from tests.parts.images import PublishedImage, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.registry_gate import RegistryGate
from tests.parts.standard_images import web

PASSWORDS = {"ann": "canary-of-ann-81c5e0", "ben": "canary-of-ben-27d4f9"}
HASHES = {
    "ann": "$2b$04$4ZHF.RyuposWgJoTiYgDYO2UuVMQNbAZDYa1kTSy0/WEXveE4BNua",
    "ben": "$2b$04$JsGOgQ3hvVnPkoCk7epxZOqz97.Bzd6jx8DMxU8Iz0MYzuaTHyPR6",
}
WRONG = "canary-of-nobody-5b0e12"
Logins = Mapping[str, Mapping[str, str]]
pytestmark = pytest.mark.timeout(120)


@dataclass(kw_only=True)
class Visitor:
    """A stage whose host has an identity and a file of logins."""

    stage: Stage

    def knows(self, logins: Logins) -> None:
        """From now on these are the host's logins."""
        secret, public = age.new_key()
        identity, file = self.stage.folder / "identity.txt", self.stage.folder / "registries.age"
        identity.touch(mode=0o600)
        identity.write_bytes(secret.reveal())
        content = json.dumps({"registries": logins}).encode()
        file.write_text(age.seal(Secret(content), [public]))
        self.stage.settings |= {
            "RECONCILER_IDENTITY": str(identity),
            "RECONCILER_REGISTRY_CREDENTIALS": str(file),
        }

    def wants(self, image: PublishedImage) -> dict[str, Any]:
        """The document of the stage at this image; its release is named by the image's tag."""
        self.stage.settings.setdefault("DOCKER_CONFIG", str(self.stage.folder))
        made = self.stage.web("v1")
        made["spec"] |= {"image": image.repository, "digest": image.digest, "release": {"id": image.tag}}
        return made

    def shows_no_credential(self) -> None:
        """Neither in anything that any program said, nor in a file of the state directory, nor in a label."""
        stage = self.stage
        for words in (["status"], ["why", stage.name], ["history", stage.name], ["plan"], ["doctor"], ["config"]):
            stage.reconciler(*words)
            stage.reconciler(*words, "--debug")
        places = {f"output {number}": text.encode() for number, text in enumerate(stage.said)}
        places |= {str(path): path.read_bytes() for path in stage.state.rglob("*") if path.is_file()}
        places["containers"] = json.dumps([stage.inspect(name) for name in stage.ours()]).encode()
        places["the engine's log"] = stage.engine.log.read_bytes()
        for value in (*PASSWORDS.values(), WRONG):
            for form in _forms(value):
                found = [place for place, content in places.items() if form in content]
                assert not found, f"{value} is in {found}"


def _forms(value: str) -> Iterator[bytes]:
    yield value.encode()
    yield quote(value, safe="").encode()
    for user in PASSWORDS:
        yield base64.b64encode(f"{user}:{value}".encode()).rstrip(b"=")
    yield base64.b64encode(value.encode()).rstrip(b"=")


@pytest.fixture
def visitor(stage: Stage) -> Visitor:
    for user, password in {**PASSWORDS, "nobody": WRONG}.items():
        stage.plant(f"the password of {user}", password)
    return Visitor(stage=stage)


@pytest.fixture
def gate(registry: PrivateRegistry) -> Iterator[RegistryGate]:
    owners = {"team-a": "ann", "team-b": "ben"}
    with RegistryGate(registry.address, passwords=PASSWORDS, owners=owners) as gate:
        yield gate


@pytest.fixture
def locked(registry: PrivateRegistry) -> Iterator[PrivateRegistry]:
    """The real registry, which lets in the users of its htpasswd file."""
    with PrivateRegistry(users=HASHES, storage=registry.storage) as locked:
        yield locked


def behind(door: str, registry: PrivateRegistry, repository: str) -> PublishedImage:
    """A new image, pushed into the open registry, to be had through a door of it."""
    tag = f"x{uuid.uuid4().hex[:8]}"
    return replace(publish(registry.address, repository, tag, web(tag)), repository=f"{door}/{repository}")


def login(user: str, password: str = "") -> dict[str, str]:
    return {"username": user, "password": password or PASSWORDS[user]}


def test_two_prefixes_of_one_registry_are_pulled_by_two_users(
    visitor: Visitor, gate: RegistryGate, registry: PrivateRegistry
) -> None:
    stage = visitor.stage
    visitor.knows(
        {
            gate.address: login("ann", WRONG),
            f"{gate.address}/team-a": login("ann"),
            f"{gate.address}/team-b": login("ben"),
        }
    )
    other = f"{stage.prefix}-other"
    image = behind(gate.address, registry, "team-b/web")
    plain = document(other, image, image.tag, deletionPolicy="delete")
    stage.write(visitor.wants(behind(gate.address, registry, "team-a/web")), plain)
    stage.apply()
    assert set(gate.let_in) == {("ann", "team-a/web"), ("ben", "team-b/web")}
    visitor.shows_no_credential()


LOGINS: dict[str, Any] = {
    "wrong": lambda address: {address: login("ann", WRONG)},
    "missing": lambda address: {"registry.example.com": login("ann")},
    "somebody else's": lambda address: {f"{address}/team-a": login("ben")},
    "expired": lambda address: {address: login("ann")},
}


@pytest.mark.fault("R9")
@pytest.mark.every_run("wrong")
@pytest.mark.parametrize("kind", ["wrong", "expired", "missing", "somebody else's"])
def test_a_login_that_is_refused_is_told_and_tried_ever_more_seldom(
    kind: str, visitor: Visitor, gate: RegistryGate, registry: PrivateRegistry
) -> None:
    stage = visitor.stage
    stage.deploy_here("v1")
    before = stage.identity()
    visitor.knows(LOGINS[kind](gate.address))
    gate.life_s = 0.0 if kind == "expired" else 60.0
    stage.write(visitor.wants(behind(gate.address, registry, "team-a/web")))
    with stage.controller() as controller:
        eventually("the pull was refused", lambda: gate.attempts >= 1)
        began = time.monotonic()
        time.sleep(5)
        seconds = time.monotonic() - began
        told = controller.text
    # at best after 0.5, 1 and 2 seconds more: three further tries in the first 3.5 seconds, a fourth after 7.5;
    # the engine may ask twice in a try
    assert gate.attempts <= 2 * 5, f"{gate.attempts} attempts in {seconds:.1f} s"
    status = stage.status()
    assert "team-a/web" in status["reason"]
    assert any(word in status["reason"] for word in ("unauthorized", "denied", "authentication required"))
    if kind == "missing":
        assert "registry-credentials" in status["reason"]
    else:
        assert f"{stage.folder}/registries.age was refused" in status["reason"]
    assert status["reason"].partition("(")[0] in told.replace('\\"', '"')
    assert stage.identity() == before
    assert gate.let_in == []
    visitor.shows_no_credential()
    gate.life_s = 60.0
    visitor.knows({gate.address: login("ann")})
    stage.apply()
    assert stage.identity() != before


@pytest.mark.fault("R9")
def test_a_registry_with_a_password_file_is_pulled_from_with_the_right_one(
    visitor: Visitor, locked: PrivateRegistry, registry: PrivateRegistry
) -> None:
    stage = visitor.stage
    stage.deploy_here("v1")
    before = stage.identity()
    image = behind(locked.address, registry, "team-a/web")
    stage.write(visitor.wants(image))
    visitor.knows({locked.address: login("ann", WRONG)})
    refused = stage.reconciler("apply")
    assert refused.returncode != 0
    assert "registries.age was refused" in refused.stdout + refused.stderr
    assert stage.identity() == before
    visitor.knows({locked.address: login("ann")})
    stage.apply()
    assert stage.identity() != before
    visitor.shows_no_credential()


def test_a_tag_is_looked_up_with_the_same_login(
    visitor: Visitor, locked: PrivateRegistry, registry: PrivateRegistry
) -> None:
    stage = visitor.stage
    image = behind(locked.address, registry, "team-a/web")
    stage.write(visitor.wants(replace(image, digest="sha256:" + "0" * 64)))
    visitor.knows({locked.address: login("ben")})
    done = stage.reconciler("pin", str(stage.desired / "web.yaml"), "--tag", image.tag)
    assert done.returncode == 0, done.stderr
    assert image.digest in done.stdout


def test_a_credential_helper_of_docker_still_works(
    visitor: Visitor, locked: PrivateRegistry, registry: PrivateRegistry
) -> None:
    stage = visitor.stage
    programs = stage.folder / "bin"
    programs.mkdir()
    helper = programs / "docker-credential-fake"
    answer = json.dumps({"ServerURL": locked.address, "Username": "ann", "Secret": PASSWORDS["ann"]})
    helper.write_text(f"#!{sys.executable}\nprint({answer!r})\n")
    helper.chmod(0o755)
    (stage.folder / "config.json").write_text(json.dumps({"credHelpers": {locked.address: "fake"}}))
    stage.settings["PATH"] = f"{programs}:{stage.environment()['PATH']}"
    stage.write(visitor.wants(behind(locked.address, registry, "team-a/web")))
    stage.apply()
    visitor.shows_no_credential()
