"""Which documents each agent is to have, and what changes by that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.core.selector import TargetFacts
from reconciler.orchestrator.assign import changes
from reconciler.orchestrator.wishes import Wish, Wishes, read_wishes, wishes_of
from reconciler.protocol.message.document import version_of
from reconciler.spec.assemble import examine

DIGEST = "sha256:" + "a" * 64
WEB = f"""
apiVersion: stella/v1
kind: Container
metadata: {{name: web, target: host-a}}
spec:
  release: {{id: "1"}}
  image: registry.example.com/web
  digest: {DIGEST}
  config: {{ports: ["127.0.0.1:8080:80"], environment: {{YES: "no", NUMBER: "007"}}}}
"""
DEFAULTS = """
apiVersion: stella/v1
kind: Defaults
spec: {config: {memoryLimit: 64Mi}}
"""
HOSTS = (TargetFacts("host-a", {"region": "north"}), TargetFacts("host-b", {"region": "south"}))
PROJECT = f"""
apiVersion: stella/v1
kind: ComposeProject
metadata: {{name: shop}}
spec:
  release: {{id: "1"}}
  config: {{composeLock: shop.lock.yaml, projectName: shop, expectedDigests: {{web: {DIGEST}}}}}
"""


def wish(name: str, target: str | None = None, text: str = "text", *, targets: Any = None) -> Wish:
    chosen = {"target": target} if target else targets or {}
    return Wish(name=name, targets=chosen, text=text, file=f"{name}.yaml:1")


def everything(*wishes: Wish, whole: bool = True) -> Wishes:
    return Wishes(wishes, (), whole=whole)


def test_a_document_goes_to_its_target_and_one_without_to_all() -> None:
    found = changes(everything(wish("web", "host-a"), wish("agent")), HOSTS, {})
    assert [(target, item.name) for target, item in found.assign] == [
        ("host-a", "agent"),
        ("host-a", "web"),
        ("host-b", "agent"),
    ]


def test_a_document_that_chooses_by_labels_goes_to_those_that_have_them() -> None:
    north = wish("web", targets={"matchLabels": {"region": "north"}})
    found = changes(everything(north), HOSTS, {("host-b", "web"): north.version})
    assert [(target, item.name) for target, item in found.assign] == [("host-a", "web")]
    assert found.withdraw == (("host-b", "web"),)


def test_an_agent_that_has_not_told_of_itself_yet_gets_nothing_that_is_chosen_by_labels() -> None:
    anywhere_else = {"matchExpressions": [{"key": "region", "operator": "NotIn", "values": ["north"]}]}
    found = changes(everything(wish("web", targets=anywhere_else)), [TargetFacts("host-c", None)], {})
    assert found.assign == ()


def test_what_an_agent_has_already_is_not_assigned_again() -> None:
    assigned = {("host-a", "web"): version_of("text")}
    assert changes(everything(wish("web")), HOSTS[:1], assigned).targets == frozenset()
    assert changes(everything(wish("web", text="other")), HOSTS[:1], assigned).targets == {"host-a"}


def test_what_is_gone_is_withdrawn_only_when_everything_could_be_read() -> None:
    assigned = {("host-a", "web"): version_of("text")}
    assert changes(everything(), HOSTS[:1], assigned).withdraw == (("host-a", "web"),)
    assert changes(everything(whole=False), HOSTS[:1], assigned).withdraw == ()


def test_a_document_for_one_target_goes_before_one_for_all() -> None:
    found = changes(everything(wish("web", "host-a", "own"), wish("web")), HOSTS, {})
    assert {target: item.text for target, item in found.assign} == {"host-a": "own", "host-b": "text"}


def test_a_wish_is_the_same_document_with_the_defaults_in_it() -> None:
    files = {"web.yaml": WEB.encode(), "defaults.yaml": DEFAULTS.encode()}
    found = wishes_of(files)
    assert found.whole, found.problems
    (alone,) = examine({"wish": found.wishes[0].text.encode()}, target="host-a").documents
    (here,) = examine(files, target="host-a").documents
    assert alone.fingerprint == here.fingerprint
    assert "memoryLimit" in found.wishes[0].text


def test_whom_a_document_is_for_is_no_part_of_what_goes_to_them() -> None:
    chosen = WEB.replace(", target: host-a", "").replace("spec:", "spec:\n  targets: {names: [host-b, host-a]}")
    (plain,) = wishes_of({"web.yaml": WEB.replace(", target: host-a", "").encode()}).wishes
    (found,) = wishes_of({"web.yaml": chosen.encode()}).wishes
    assert found.version == plain.version
    assert found.targets == {"names": ["host-b", "host-a"]}


def test_files_beside_a_document_come_with_it_under_flat_names() -> None:
    example = Path(__file__).parents[2] / "examples" / "04-compose"
    found = read_wishes(example)
    assert found.whole, found.problems
    (shop,) = [item for item in found.wishes if item.name == "shop"]
    files = {item.artifact.name: item.content for item in shop.files}
    assert files.keys() == {"compose.stella.lock.yml", "nginx.conf"}
    alone = examine({"document.yaml": shop.text.encode()}, read=lambda path: files[path])
    here = examine(
        {"shop.yaml": (example / "shop.yaml").read_bytes()}, read=lambda path: (example / path).read_bytes()
    )
    assert alone.documents[0].fingerprint == here.documents[0].fingerprint


def test_a_file_that_is_missing_is_a_problem_and_the_others_go_out() -> None:
    found = wishes_of({"web.yaml": WEB.encode(), "shop.yaml": PROJECT.encode()})
    assert [item.name for item in found.wishes] == ["web"]
    assert not found.whole


def test_a_broken_file_keeps_nobody_from_the_others() -> None:
    found = wishes_of({"web.yaml": WEB.encode(), "broken.yaml": b"kind: [\n"})
    assert [item.name for item in found.wishes] == ["web"]
    assert not found.whole


def test_an_empty_folder_takes_nothing_away() -> None:
    assert not wishes_of({}).whole


def test_a_file_of_documents_that_is_too_large_is_a_problem() -> None:
    found = wishes_of({"web.yaml": WEB.encode() + b"# a long remark\n" * 20_000})
    assert found.wishes == ()
    assert "larger than what is handed out" in found.problems[0].message
