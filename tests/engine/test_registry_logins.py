"""Which login a registry is told, in the header that the engine documents, and what is said when it is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.login import Login
from reconciler.core.secret import Secret
from reconciler.engine.registry_logins import RegistryLogins, header
from reconciler.errors import RegistryDenied

REPOSITORY = "registry.example.com/shop/web"
OWN = Login(
    username="own",
    password=Secret(b"canary"),
    origin="registry.example.com in /etc/registries.age",
    remedy="put the right one into /etc/registries.age",
)


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def sent(headers: Any) -> dict[str, str]:
    found: dict[str, str] = json.loads(base64.urlsafe_b64decode(headers["X-Registry-Auth"]))
    return found


def docker_has(configuration: Path, **entry: str) -> None:
    configuration.write_text(json.dumps({"auths": {"registry.example.com": entry}}))


def test_the_hosts_own_login_comes_before_dockers(configuration: Path) -> None:
    docker_has(configuration, auth=base64.b64encode(b"docker:other").decode())
    with RegistryLogins(lambda _: OWN).told(REPOSITORY) as headers:
        assert sent(headers) == {
            "username": "own",
            "password": "canary",
            "serveraddress": "registry.example.com",
        }
    found = RegistryLogins(lambda _: None).find(REPOSITORY)
    assert found is not None
    assert (found.username, found.password) == ("docker", Secret(b"other"))
    assert found.origin == "registry.example.com in docker's configuration"


def test_an_identity_token_is_sent_as_one(configuration: Path) -> None:
    docker_has(configuration, identitytoken="canary")
    with RegistryLogins(None).told(REPOSITORY) as headers:
        assert sent(headers) == {"identitytoken": "canary", "serveraddress": "registry.example.com"}


def test_docker_hub_has_its_old_address() -> None:
    for repository in ("nginx", "shop/web", "docker.io/shop/web"):
        assert sent({"X-Registry-Auth": header(OWN, repository)})["serveraddress"] == "https://index.docker.io/v1/"


def test_the_login_of_docker_hub_is_told_to_docker_hub_alone(configuration: Path) -> None:
    hub = {"https://index.docker.io/v1/": {"auth": base64.b64encode(b"hub:canary").decode()}}
    configuration.write_text(json.dumps({"auths": hub}))
    logins = RegistryLogins(None)
    assert all(logins.find(name) for name in ("nginx", "shop/web", "index.docker.io/shop/web"))
    assert not any(logins.find(name) for name in ("EVIL/app", "docker.io.evil.org/app", "evil:80/app"))


def test_an_empty_entry_is_no_login(configuration: Path) -> None:
    docker_has(configuration)
    with RegistryLogins(None).told(REPOSITORY) as headers:
        assert headers == {}


def refused(logins: RegistryLogins) -> str:
    with pytest.raises(RegistryDenied) as caught, logins.told(REPOSITORY):
        raise RegistryDenied("pulling: unauthorized", hint="log in")
    return str(caught.value)


def test_a_refused_login_is_told_with_its_origin_and_without_its_value() -> None:
    said = refused(RegistryLogins(lambda _: OWN))
    mending = f"the login for {OWN.origin} was refused: put the right one into /etc/registries.age"
    assert said == f"pulling: unauthorized ({mending}; then `reconciler apply` tries again at once)"
    assert "no login is known for it" in refused(RegistryLogins(None))


def test_a_login_that_cannot_be_found_out_keeps_its_own_words() -> None:
    def failing(_: str) -> Login | None:
        raise RegistryDenied("the registry credentials: is wrong", hint="mend it")

    with pytest.raises(RegistryDenied, match="mend it"), RegistryLogins(failing).told(REPOSITORY):
        raise AssertionError("never reached")


def test_what_is_lent_comes_first_for_as_long_as_it_is_lent() -> None:
    lent = Login(username="lent", password=Secret(b"other"), origin="a task", remedy="send it again")
    logins = RegistryLogins(lambda _: OWN)
    with logins.lending(lambda repository: lent if repository == REPOSITORY else None):
        assert logins.find(REPOSITORY) == lent
        assert logins.find("registry.example.com/other") == OWN
        with logins.told(REPOSITORY) as headers:
            assert sent(headers)["username"] == "lent"
    assert logins.find(REPOSITORY) == OWN
