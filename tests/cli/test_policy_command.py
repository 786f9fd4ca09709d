"""``policy``: the one in force, and what it refuses of the folder's documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.spec.policy import KEYS
from tests.cli.recorded import Ran, RecordedService, run

DOCUMENT = f"""\
apiVersion: stella/v1
kind: Container
metadata: {{name: web}}
spec:
  release: {{id: r1}}
  image: registry.example.com/shop/web
  digest: sha256:{"a" * 64}
"""
ASKING = DOCUMENT + "  config: {capAdd: [SYS_ADMIN], volumes: ['/srv/www:/www:ro']}\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of documents and a policy that permits nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desired").mkdir()
    policy(tmp_path)
    return tmp_path


def policy(folder: Path, text: str = "") -> Path:
    path = folder / "policy.yaml"
    path.write_text("version: 1\n" + text)
    path.chmod(0o644)
    return path


def call(*arguments: str) -> Ran:
    return run(RecordedService(), *arguments, folder=Path.cwd())


def test_documents_that_ask_for_nothing_pass(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(DOCUMENT)
    ran = call("policy", "check", "--policy", "policy.yaml")
    assert (ran.status, ran.out) == (0, f"{host}/policy.yaml: 1 document checked, 0 refusals\n")
    assert ran.exclusive == []


def test_what_is_refused_is_listed_with_rule_place_and_remedy(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(ASKING)
    ran = call("policy", "check", "--policy", "policy.yaml")
    assert ran.status == 2
    assert ran.out == (
        "web adds the capability SYS_ADMIN (desired/web.yaml:1, rule capabilities): "
        f'to allow it, add "SYS_ADMIN" to capabilities in {host}/policy.yaml\n'
        "web mounts /srv/www of the host read only (desired/web.yaml:1, rule hostPaths): "
        f'to allow it, add "/srv/www:ro" to hostPaths in {host}/policy.yaml\n'
        f"{host}/policy.yaml: 1 document checked, 2 refusals\n"
    )
    policy(host, "capabilities: [SYS_ADMIN]\nhostPaths: ['/srv/www:ro']\n")
    assert call("policy", "check", "--policy", "policy.yaml").status == 0


def test_the_json_of_a_check_has_each_refusal(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(ASKING)
    ran = call("policy", "check", "policy.yaml", "--json")
    assert ran.status == 2
    told = json.loads(ran.out)
    assert (told["version"], told["documents"], told["policy"]) == (1, 1, f"{host}/policy.yaml")
    assert [item["rule"] for item in told["refusals"]] == ["capabilities", "hostPaths"]
    assert set(told["refusals"][0]) == {"document", "service", "rule", "where", "asked", "allow"}


def test_another_file_can_be_tried(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(ASKING)
    other = host / "other"
    other.mkdir()
    policy(other, "capabilities: [ALL]\nhostPaths: [/srv]\n")
    assert call("policy", "check", "other/policy.yaml", "--policy", "policy.yaml").status == 0
    assert call("policy", "check", "--policy", "policy.yaml").status == 2


@pytest.mark.parametrize(
    ("command", "status"), [(("policy", "check"), 1), (("policy", "show"), 64), (("validate",), 64)]
)
def test_a_wrong_policy_is_told_at_its_place(host: Path, command: tuple[str, ...], status: int) -> None:
    policy(host, "capabilites: [ALL]\n")
    ran = call(*command, "--policy", "policy.yaml")
    assert ran.status == status
    assert f"{host}/policy.yaml:2:1: capabilites: unknown key" in ran.err
    assert 'did you mean "capabilities"?' in ran.err


def test_a_document_that_is_wrong_is_an_error(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(DOCUMENT + "  confg: {}\n")
    ran = call("policy", "check", "--policy", "policy.yaml")
    assert ran.status == 1
    assert "desired/web.yaml:8:3: spec.confg" in ran.err


def test_the_policy_in_force_is_shown_with_its_source(host: Path) -> None:
    policy(host, "ports: ['1024-65535']\nmaximum: {memory: 2Gi}\nhostPaths: ['/srv:ro']\nprivileged: true\n")
    ran = call("policy", "show", "--policy", "policy.yaml", "--state-dir", "/srv/state")
    rows = {line.split()[0]: line.split(maxsplit=1)[1].strip() for line in ran.out.splitlines()}
    assert ran.status == 0
    assert rows["ports"] == "1024-65535"
    assert rows["maximum"] == "memory 2Gi, cpus any, pids any"
    assert rows["hostPaths"] == "/srv:ro"
    assert (rows["registries"], rows["privileged"], rows["devices"]) == ("any", "true", "none")
    assert "/srv/state" in rows["guarded"]
    assert rows["source:"] == f"{host}/policy.yaml"


def test_the_json_of_a_policy_has_every_key(host: Path) -> None:
    ran = call("policy", "show", "--policy", "policy.yaml", "--json")
    told = json.loads(ran.out)
    assert told["source"] == f"{host}/policy.yaml"
    assert set(told["policy"]) == {*KEYS, "guarded", "engineSockets"}
    assert (told["policy"]["registries"], told["policy"]["ports"]) == (None, None)


def test_validate_tells_what_the_policy_of_this_host_refuses(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(ASKING)
    ran = call("validate", "--policy", "policy.yaml")
    assert ran.status == 1
    told = "the host's policy refuses: web adds the capability SYS_ADMIN"
    assert f"desired/web.yaml:8:21: spec.config.capAdd[0]: {told}" in ran.out


def test_validate_asks_the_policy_of_this_host_only_about_documents_for_it(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(ASKING.replace("name: web", "name: web, target: other"))
    assert call("validate", "--policy", "policy.yaml").status == 0


def test_validate_refuses_nothing_by_the_built_in_policy(host: Path) -> None:
    (host / "desired" / "web.yaml").write_text(ASKING)
    assert call("validate").status == 0
