"""What a document's secrets and files come to."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import Mount
from reconciler.core.delivery import Places, delivered_file, delivered_secret, sealed_variable
from reconciler.core.desired import DesiredState
from reconciler.spec.assemble import examine
from reconciler.spec.build import build, build_checked
from reconciler.spec.build_deliveries import build_project_secrets, for_hook
from reconciler.spec.findings import Findings
from tests.spec.texts import defaults, desired, document, text

PLACES = Places(files="/var/lib/r/files", secrets="/run/r/owner")


def sealed(word: str = "one") -> str:
    """An armored text of the form that age gives; nobody can open it."""
    body = base64.b64encode(f"age-encryption.org/v1\n-> X25519 {word}\n".encode()).decode()
    return f"-----BEGIN AGE ENCRYPTED FILE-----\n{body}\n-----END AGE ENCRYPTED FILE-----\n"


def said(config: dict[str, Any], **spec: Any) -> list[str]:
    _, findings = build_checked(document(config, **spec))
    return [str(item[1]) for item in findings if isinstance(item, tuple)]


def secret(name: str = "db", **fields: Any) -> dict[str, Any]:
    return {"name": name, "encrypted": sealed(), **fields}


def test_a_secret_is_a_file_below_run_secrets_that_everybody_in_the_container_may_read() -> None:
    (found,) = desired({"secrets": [secret()]}).deliveries
    assert found == delivered_secret("db", sealed(), "/run/secrets/db", mode=0o444)
    assert (found.sealed, found.content, found.secret) == (sealed(), b"", True)
    assert found.mount(PLACES, "web") == Mount(
        "/run/secrets/db", f"/run/r/owner/web/{found.version}/db", "bind", read_only=True
    )


def test_a_secret_says_where_and_whose_it_is() -> None:
    (found,) = desired({"secrets": [secret(mountPath="/etc/db", mode="0400", uid=70, gid=71)]}).deliveries
    assert (found.target, found.mode, found.uid, found.gid) == ("/etc/db", 0o400, 70, 71)


def test_a_secret_is_a_variable_where_the_document_says_so() -> None:
    found = desired({"secrets": [secret(envName="DB_PASSWORD")]})
    assert found.deliveries == ()
    assert found.variables == (sealed_variable("db", sealed(), "DB_PASSWORD"),)


def test_a_file_has_its_content_at_its_place() -> None:
    (found,) = desired({"files": [{"path": "/etc/app/a.yml", "content": "ä: 1\n", "mode": "600"}]}).deliveries
    assert found == delivered_file("/etc/app/a.yml", "ä: 1\n".encode(), mode=0o600)
    assert found.content == "ä: 1\n".encode()
    assert found.path(PLACES, "web") == f"/var/lib/r/files/web/{found.version}/a.yml"


def test_all_that_is_delivered_comes_in_the_order_of_its_names() -> None:
    files = [{"path": path, "content": ""} for path in ("/b", "/a")]
    both = [secret("z"), secret("y"), secret("x", envName="X"), secret("w", envName="W")]
    found = desired({"files": files, "secrets": both})
    assert [item.name for item in found.deliveries] == ["/a", "/b", "y", "z"]
    assert [item.name for item in found.variables] == ["w", "x"]


def test_another_ciphertext_content_mode_or_owner_is_another_revision() -> None:
    wishes: list[dict[str, Any]] = [
        {},
        {"secrets": [secret()]},
        {"secrets": [secret(encrypted=sealed("other"))]},
        {"secrets": [secret(mountPath="/other")]},
        {"secrets": [secret(mode="0400")]},
        {"secrets": [secret(envName="DB")]},
        {"secrets": [secret(envName="DB", encrypted=sealed("other"))]},
        {"files": [{"path": "/a", "content": "x"}]},
        {"files": [{"path": "/a", "content": "y"}]},
        {"files": [{"path": "/a", "content": "x", "uid": 1}]},
        {"files": [{"path": "/a", "content": "x", "gid": 1}]},
        {"files": [{"path": "/b", "content": "x"}]},
    ]
    assert len({desired(config).fingerprint for config in wishes}) == len(wishes)


def test_space_around_a_ciphertext_is_no_other_revision() -> None:
    plain = desired({"secrets": [secret()]})
    spaced = desired({"secrets": [secret(encrypted=f"\n{sealed()}\n\n")]})
    assert plain.fingerprint == spaced.fingerprint


def test_what_is_said_of_a_secret_never_quotes_it() -> None:
    for value in ("hunter2hunter2", sealed()[:-5], sealed().replace("\n", " "), sealed().replace("Y", "?")):
        (message,) = said({"secrets": [secret(encrypted=value)]})
        assert value not in message
        assert "age" in message or "cut off" in message


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"secrets": [secret(), secret()]}, "the secret db is given twice"),
        ({"secrets": [secret(mountPath="/x/")]}, "must name a file, not a folder"),
        ({"secrets": [secret(mountPath="/x", envName="X")]}, "has either mountPath or envName"),
        ({"secrets": [secret(envName="X", mode="0444")]}, "is of a file"),
        ({"secrets": [secret(envName="X"), secret("b", envName="X")]}, "the variable X is given twice"),
        ({"secrets": [secret(envName="X")], "environment": {"X": ""}}, "is set in config.environment, too"),
        ({"secrets": [secret(), secret("b", mountPath="/run/secrets/db")]}, "is at the place of the secret db"),
        ({"files": [{"path": "/a", "content": ""}] * 2}, "the file /a is given twice"),
        ({"files": [{"path": "/a", "content": ""}], "tmpfs": ["/a"]}, "the file /a is at the place of a tmpfs"),
        ({"files": [{"path": "/a", "content": ""}], "volumes": ["vv:/a"]}, "is at the place of a volume"),
        (
            {"files": [{"path": "/a", "content": ""}], "volumes": ["vv:/a/b"]},
            "a volume would lie below it, at /a/b",
        ),
        ({"files": [{"path": f"/{'a' * 256}", "content": ""}]}, "longer than 255 bytes"),
        ({"files": [{"path": "/a", "content": "ä" * (256 * 1024 + 1)}]}, "is larger than 512Ki"),
    ],
)
def test_what_cannot_be_delivered_is_refused(config: dict[str, Any], words: str) -> None:
    assert [message for message in said(config) if words in message]


def test_a_file_may_lie_in_a_volume() -> None:
    config = {"files": [{"path": "/etc/app/a.yml", "content": ""}], "volumes": ["settings:/etc/app"]}
    assert desired(config).deliveries[0].target == "/etc/app/a.yml"


def test_whoever_wants_a_variable_is_warned_and_gets_it() -> None:
    lines = "\n".join(f"      {line}" for line in sealed().splitlines())
    secrets = (
        f"secrets:\n  - name: a\n    encrypted: |\n{lines}\n  - name: b\n    envName: B\n    encrypted: |\n{lines}"
    )
    found = examine({"a.yaml": text(config=secrets).encode()})
    assert found.sound
    assert len(found.documents) == 1
    (problem,) = found.problems
    assert (problem.level, problem.path) == ("warning", "spec.config.secrets[1].envName")
    assert "whoever may inspect the container" in problem.message
    assert problem.text == ""


def test_defaults_may_bring_files_to_every_container() -> None:
    under = defaults(spec="config:\n  files: [{path: /etc/motd, content: hello}]")
    found = examine({"a.yaml": under.encode(), "b.yaml": text().encode()})
    assert not found.problems
    assert [item.name for item in found.documents[0].deliveries] == ["/etc/motd"]


def with_hook(names: list[str], *, secrets: list[dict[str, Any]], **hook: Any) -> dict[str, Any]:
    return document({"secrets": secrets}, hooks={"preDeploy": {"command": ["x"], "secrets": names, **hook}})


def hook_says(*args: Any, **fields: Any) -> list[str]:
    return [str(item[1]) for item in build_checked(with_hook(*args, **fields))[1] if isinstance(item, tuple)]


def built(names: list[str], secrets: list[dict[str, Any]]) -> DesiredState:
    return build(with_hook(names, secrets=secrets))


def test_a_hook_is_given_only_the_secrets_that_it_names() -> None:
    found = built(["b", "c"], [secret("a"), secret("b", mountPath="/b"), secret("c", envName="C"), secret("d")])
    (hook,) = found.hooks
    assert [(item.name, item.target) for item in hook.deliveries] == [("b", "/b")]
    assert [(item.name, item.variable) for item in hook.variables] == [("c", "C")]


def test_another_value_of_a_secret_lets_a_hook_be_the_same() -> None:
    one, other = (built(["a"], [secret("a", encrypted=sealed(word))]).hooks[0] for word in ("x", "y"))
    assert one.wish == other.wish
    assert one != other


@pytest.mark.parametrize(
    ("names", "fields", "words"),
    [
        (["bd"], {}, 'config.secrets has no secret "bd"; allowed: db, key'),
        (["db", "db"], {}, "the secret db is given twice"),
        (["key"], {"environment": {"STELLISH": ""}}, "is set in environment, too"),
        (["own"], {}, 'variables that begin with "STELLA_" are set by the reconciler'),
    ],
)
def test_a_hook_that_names_secrets_wrongly_is_refused(names: list[str], fields: Any, words: str) -> None:
    secrets = [secret(), secret("key", envName="STELLISH")]
    secrets += [secret("own", envName="STELLA_OWN")] if "own" in names else []
    assert [message for message in hook_says(names, secrets=secrets, **fields) if words in message]


def test_a_hook_gets_no_two_things_at_one_place() -> None:
    whole = with_hook(["db"], secrets=[secret(mountPath="/db")], mounts=["data:/db"])
    whole["spec"]["config"]["volumes"] = ["data:/data"]
    assert [item[1] for item in build_checked(whole)[1]] == ["the path /db is given twice"]  # type: ignore[index]


def test_a_secret_that_is_wrong_is_told_once_not_again_by_its_hook() -> None:
    assert len(hook_says(["db"], secrets=[secret(encrypted="clear")])) == 1


def test_the_secrets_of_a_project_have_no_place_of_their_own_but_in_a_hook() -> None:
    findings = Findings()
    (found,) = build_project_secrets({"secrets": [secret()]}, findings).deliveries
    assert (found.target, findings.items) == ("", [])
    for_it = for_hook(found)
    assert for_it == delivered_secret("db", sealed(), "/run/secrets/db")


@given(st.text(max_size=60))
def test_no_text_is_taken_for_a_ciphertext_that_is_none(value: str) -> None:
    assert said({"secrets": [secret(encrypted=value)]})


@given(st.lists(st.sampled_from(["/a", "/a/b", "/c", "/c/d/e", "/run/secrets/db"]), max_size=4))
def test_nothing_that_is_built_collides(paths: list[str]) -> None:
    config = {
        "files": [{"path": path, "content": ""} for path in paths],
        "secrets": [secret()],
        "volumes": ["vv:/c"],
    }
    result, findings = build_checked(document(config))
    targets = [*paths, "/run/secrets/db", "/c"]
    below = any(one.startswith(f"{other}/") for one in targets for other in targets if other != "/c")
    assert (result is None) == bool(findings) == (below or len(set(targets)) < len(targets))
