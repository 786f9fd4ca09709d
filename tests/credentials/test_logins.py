"""Registry logins: which prefix wins, what helpers answer, what is told when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.login import Login
from reconciler.core.secret import Secret
from reconciler.credentials import age
from reconciler.credentials.helper import ask_helper
from reconciler.credentials.identities import Identities
from reconciler.credentials.login_file import read_entries
from reconciler.credentials.logins import Logins
from reconciler.errors import RegistryDenied, RegistryUnavailable
from reconciler.spec.problem import Wrong

KEY, PUBLIC = age.new_key()
FILE = """\
registries:
  registry.example.com: {username: all, password: canary-all}
  registry.example.com/team: {username: team, password: canary-team}
  registry.example.com/team/web: {token: canary-token}
  "127.0.0.1:5000/": {username: local, password: 'canary: "local"'}
  docker.io/shop: {username: hub, password: canary-hub}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    identity = tmp_path / "identity.txt"
    identity.write_text(KEY.text())
    identity.chmod(0o600)
    return tmp_path / "registries.age"


def logins(path: Path, content: str | None = None, *, needed: bool = False) -> Logins:
    if content is not None:
        path.write_text(age.seal(Secret(content.encode()), [PUBLIC]))
    return Logins(path, needed=needed, open_sealed=Identities(path.parent / "identity.txt").open)


def denied(found: Logins, repository: str = "registry.example.com/web") -> str:
    with pytest.raises(RegistryDenied) as caught:
        found.login_for(repository)
    said = str(caught.value)
    assert "canary" not in said
    return said


def test_an_empty_file_holds_no_logins_also_without_an_identity(path: Path) -> None:
    path.touch(mode=0o600)
    (path.parent / "identity.txt").unlink()
    assert logins(path, needed=True).login_for("registry.example.com/web") is None


@pytest.mark.parametrize(
    ("repository", "user"),
    [
        ("registry.example.com/web", "all"),
        ("Registry.Example.com/web", "all"),
        ("registry.example.com/team/db", "team"),
        ("registry.example.com/team", "team"),
        ("registry.example.com/teams/db", "all"),
        ("127.0.0.1:5000/web", "local"),
        ("shop/web", "hub"),
        ("docker.io/shop/web", "hub"),
        ("index.docker.io/shop/web", "hub"),
        ("127.0.0.1:5001/web", None),
        ("nginx", None),
        ("other.example.com/registry.example.com", None),
    ],
)
def test_the_longest_prefix_by_whole_parts_wins(path: Path, repository: str, user: str | None) -> None:
    login = logins(path, FILE).login_for(repository)
    assert (login.username if login else None) == user
    if login is not None:
        assert login.password is not None
        assert login.password.text().startswith("canary")
        assert "canary" not in repr(login)


def test_a_token_is_the_token_servers(path: Path) -> None:
    login = logins(path, FILE).login_for("registry.example.com/team/web")
    assert login is not None
    assert login.identity_token == Secret(b"canary-token")
    assert login.password is None
    assert login.origin == f"registry.example.com/team/web in {path}"


def test_a_changed_file_counts_at_once(path: Path) -> None:
    found = logins(path)
    assert found.login_for("registry.example.com/web") is None
    logins(path, FILE)
    assert found.login_for("registry.example.com/web") is not None


def test_a_file_that_was_named_must_be_there(path: Path) -> None:
    assert f"{path}: is not there" in denied(logins(path, needed=True))


def test_a_file_for_other_keys_is_told(path: Path) -> None:
    path.write_text(age.seal(Secret(FILE.encode()), [age.new_key()[1]]))
    assert "is encrypted for others" in denied(logins(path))


def test_a_file_that_is_not_encrypted_is_refused_without_showing_it(path: Path) -> None:
    path.write_text(FILE)
    assert "is no age text" in denied(logins(path))


def test_a_file_that_others_can_change_is_not_used(path: Path) -> None:
    found = logins(path, FILE)
    path.chmod(0o666)
    assert f"chmod go-w {path}" in denied(found)


def test_a_file_as_a_whole_may_be_made_by_age_without_armor(path: Path) -> None:
    import base64  # noqa: PLC0415

    lines = age.seal(Secret(FILE.encode()), [PUBLIC]).splitlines()
    path.write_bytes(base64.b64decode("".join(lines[1:-1])))
    assert logins(path).login_for("registry.example.com/web") is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1"),
        ("a: canary\n", 'must have one key, "registries"'),
        ("[]\n", 'must have one key, "registries"'),
        ("registries: canary\n", "must be a mapping"),
        ("registries: {}\nother: canary\n", "must have one key"),
        ("registries: *canary\n", "line 1: aliases are not allowed"),
        ("registries:\n  r.io: canary\n", "r.io: must be a mapping"),
        ("registries:\n  r.io: {username: canary}\n", "username and password, or token, or helper"),
        ("registries:\n  r.io: {username: a, password: canary, email: x}\n", "and nothing else"),
        ("registries:\n  r.io: {canary}\n", "and nothing else"),
        ("registries:\n  r.io: {username: a, password: 12345}\n", "password must be a text"),
        ("registries:\n  r.io: {token: ''}\n", "token must be a text that is not empty"),
        ("registries:\n  r.io: {helper: ../canary}\n", "helper is what follows"),
        ("registries:\n  canary: {token: x}\n", "line 2: the prefix must begin with the registry's host"),
        ("registries:\n  'r.io/*': {token: x}\n", "must begin with the registry's host"),
        ("registries:\n  r.io: {token: x}\n  R.io/: {token: x}\n", "is given twice"),
        ("registries:\n  r.io: {token: x}\n  r.io: {token: canary}\n", "is given twice; the first is in line 2"),
    ],
)
def test_a_wrong_file_is_told_by_line_or_prefix_and_never_by_value(path: Path, content: str, words: str) -> None:
    with pytest.raises(Wrong) as caught:
        read_entries(content.encode())
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)
    said = denied(logins(path, content))
    assert "secret decrypt" in said


HELPER = """\
#!/bin/sh
read server
[ "$1" = get ] || exit 9
{body}
"""


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def helper(folder: Path, body: str) -> None:
    program = folder / "docker-credential-fake"
    program.write_text(HELPER.format(body=body))
    program.chmod(0o755)


def test_a_helper_is_asked_for_the_registry_alone(path: Path, helpers: Path) -> None:
    helper(helpers, """printf '{"ServerURL":"%s","Username":"%s","Secret":"canary"}' "$server" "$server" """)
    found = logins(path, "registries:\n  r.io/team: {helper: fake}\n  docker.io/shop: {helper: fake}\n")
    login = found.login_for("r.io/team/web")
    assert login is not None
    assert (login.username, login.password) == ("r.io", Secret(b"canary"))
    hub = found.login_for("shop/web")
    assert hub is not None
    assert hub.username == "https://index.docker.io/v1/"


def test_the_user_token_of_a_helper_means_an_identity_token(helpers: Path) -> None:
    helper(helpers, """echo '{"Username":"<token>","Secret":"canary"}'""")
    assert ask_helper("fake", "r.io") == Login(identity_token=Secret(b"canary"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo 'credentials not found in native keychain'; exit 1", "has no login for r.io"),
        ("echo canary; exit 3", "ended with status 3 for r.io"),
        ("echo canary", "did not answer with a login"),
        ("echo '[\"canary\"]'", "did not answer with a login"),
        ("""echo '{"Username":"canary","Secret":""}'""", "has no login for r.io"),
    ],
)
def test_what_a_helper_says_is_never_shown(helpers: Path, body: str, words: str) -> None:
    helper(helpers, body)
    with pytest.raises(RegistryDenied) as caught:
        ask_helper("fake", "r.io")
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_helper_that_is_not_there_or_cannot_run_is_told(helpers: Path) -> None:
    with pytest.raises(RegistryDenied, match="docker-credential-fake is not on this host"):
        ask_helper("fake", "r.io")
    (helpers / "docker-credential-fake").write_text("#!/no/such/interpreter\n")
    (helpers / "docker-credential-fake").chmod(0o755)
    with pytest.raises(RegistryDenied, match="cannot be run"):
        ask_helper("fake", "r.io")


def test_a_helper_that_hangs_is_ended_and_asked_again_later(helpers: Path) -> None:
    helper(helpers, "exec sleep 60")
    with pytest.raises(RegistryUnavailable, match=r"within 0.3 s"):
        ask_helper("fake", "r.io", timeout_s=0.3)
