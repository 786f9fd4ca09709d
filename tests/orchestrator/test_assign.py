"""Which documents each agent is to have, and what changes by that."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.selector import TargetFacts
from reconciler.orchestrator.assign import Holding, changes
from reconciler.orchestrator.bringing import AT_ONCE, Bringing
from reconciler.orchestrator.store import agents, assignments
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.store.documents import Kept
from reconciler.orchestrator.wishes import Wish, Wishes, read_wishes, wishes_of
from reconciler.protocol.message.document import version_of
from reconciler.sealing.release_keys import release_key
from reconciler.sources.scan import at_file
from reconciler.spec.assemble import examine
from tests.orchestrator.unheard import counted

NOW = datetime(2026, 11, 29, tzinfo=UTC)
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
    found = changes(everything(north), HOSTS, {("host-b", "web"): Holding(north.version)})
    assert [(target, item.name) for target, item in found.assign] == [("host-a", "web")]
    assert found.withdraw == (("host-b", "web"),)


def test_an_agent_that_has_not_told_of_itself_yet_gets_nothing_that_is_chosen_by_labels() -> None:
    anywhere_else = {"matchExpressions": [{"key": "region", "operator": "NotIn", "values": ["north"]}]}
    found = changes(everything(wish("web", targets=anywhere_else)), [TargetFacts("host-c", None)], {})
    assert found.assign == ()


def test_what_an_agent_has_already_is_not_assigned_again() -> None:
    assigned = {("host-a", "web"): Holding(version_of("text"))}
    assert changes(everything(wish("web")), HOSTS[:1], assigned).targets == frozenset()
    assert changes(everything(wish("web", text="other")), HOSTS[:1], assigned).targets == {"host-a"}


def test_what_is_gone_is_withdrawn_only_when_everything_could_be_read() -> None:
    assigned = {("host-a", "web"): Holding(version_of("text"))}
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


@pytest.mark.parametrize(
    "defaults",
    [b"apiVersion: stella/v1\nkind: Defaults\nspec: [", DEFAULTS.encode() + b"---" + DEFAULTS.encode()],
    ids=["broken", "two of them"],
)
def test_while_nobody_knows_the_defaults_no_document_goes_out_without_them(defaults: bytes) -> None:
    found = wishes_of({"web.yaml": WEB.encode(), "defaults.yaml": defaults})
    assert (found.wishes, found.whole) == ((), False)
    assert any("nothing of the folder is handed out anew" in str(item) for item in found.problems)
    assigned = {("host-a", "web"): Holding("sha256:" + "0" * 64)}
    assert changes(found, HOSTS, assigned).targets == frozenset()


def test_a_file_that_cannot_be_read_may_hold_the_defaults() -> None:
    trouble = [at_file("defaults.yaml", "permission denied")]
    assert wishes_of({"web.yaml": WEB.encode()}, trouble).wishes == ()
    known = {"web.yaml": WEB.encode(), "more.yaml": DEFAULTS.encode()}
    assert len(wishes_of(known, trouble).wishes) == 1


def kept(name: str = "web", text: str = WEB) -> Kept:
    return Kept(name=name, revision=3, text=text, actor="stella://admin/ada", changed_at=NOW)


def test_a_document_of_the_api_stands_alone_and_keeps_its_name() -> None:
    files = {"web.yaml": WEB.encode(), "defaults.yaml": DEFAULTS.encode()}
    found = wishes_of(files, put=[kept()])
    (web,) = found.wishes
    assert web.put is not None
    assert (web.put.revision, "memoryLimit" in web.text, web.actor.id) == (3, False, "stella://admin/ada")
    assert "a document of the API has this name" in str(found.problems[0])
    assert wishes_of({"defaults.yaml": b"kind: Defaults ["}, put=[kept()]).wishes == (web,)


def test_what_came_over_the_api_is_withdrawn_when_it_is_gone_there() -> None:
    assigned = {("host-a", "web"): Holding(version_of("text"), put=True)}
    assert changes(everything(whole=False), HOSTS, assigned).withdraw == (("host-a", "web"),)
    broken = Wishes((), (), whole=False, put=frozenset({"web"}))
    assert changes(broken, HOSTS, assigned).withdraw == (), "it is there, and cannot be used now"
    elsewhere = wishes_of({}, put=[kept(text=WEB.replace("host-a", "host-b"))])
    assert changes(elsewhere, HOSTS, assigned).withdraw == (("host-a", "web"),)


def test_an_empty_folder_takes_nothing_away() -> None:
    assert not wishes_of({}).whole


def test_a_file_of_documents_that_is_too_large_is_a_problem() -> None:
    found = wishes_of({"web.yaml": WEB.encode() + b"# a long remark\n" * 20_000})
    assert found.wishes == ()
    assert "larger than what is handed out" in found.problems[0].message


def test_so_much_is_done_in_one_transaction_that_agents_do_not_wait_and_the_rest_in_the_next(
    tmp_path: Path,
) -> None:
    database, key = Database(tmp_path / "store.db"), release_key(tmp_path / "key", make=True)
    with database.write() as on:
        for number in range(AT_ONCE + 50):
            papers = agents.Papers(sealing_key="a2V5", certificate_ends=NOW)
            agents.enrolled(on, f"host-{number}", papers, labels={}, now=NOW)
    wishes = wishes_of({"web.yaml": WEB.replace(", target: host-a", "").encode()})
    bringing = Bringing(database, key)
    with counted() as asked:
        brought = [bringing.about(wishes), bringing.about(wishes, more=True), bringing.about(wishes)]
    assert [(len(item.targets), item.more) for item in brought] == [(AT_ONCE, True), (50, False), (0, False)]
    assert asked.transactions == {"BEGIN": 2, "BEGIN IMMEDIATE": 2}
    with database.read() as on:
        assert {item.generation for item in assignments.held(on)} == {1}
    database.close()
