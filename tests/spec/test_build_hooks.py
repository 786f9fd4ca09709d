"""What a document's hooks come to."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.container import Mount
from reconciler.core.desired import DesiredState
from reconciler.core.hook import Hook
from reconciler.core.image import ImageReference
from reconciler.errors import InvalidDocuments
from reconciler.spec.build import build
from reconciler.spec.problem import Problem
from tests.spec.locks import LOCK_PATH, OTHER, examined, lock, project
from tests.spec.texts import DIGEST

TOOLS = "registry.example.com/shop/tools"
DB = f"db:\n  image: registry.example.com/shop/db@{OTHER}\n"
BOTH = f"web: '{DIGEST}', db: '{OTHER}'"


def document(hooks: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {
        "apiVersion": "stella/v1",
        "kind": "Container",
        "metadata": {"name": "web"},
        "spec": {
            "release": {"id": "1"},
            "image": "shop/web",
            "digest": DIGEST,
            "config": config,
            "hooks": hooks,
        },
    }


def of_project(hooks: str, *, one: bool = False) -> tuple[tuple[Problem, ...], tuple[DesiredState, ...]]:
    files = {LOCK_PATH: lock(services="" if one else DB)}
    found = examined(project(spec=f"hooks: {hooks}", digests="" if one else BOTH), files)
    return found.problems, found.documents


def test_a_hook_runs_in_the_image_of_its_release_with_nothing_allowed() -> None:
    (hook,) = build(document({"preDeploy": {"command": ["./migrate"]}})).hooks
    assert hook == Hook(name="preDeploy", command=("./migrate",), image=ImageReference("shop/web", DIGEST))
    assert (hook.network, hook.user, hook.timeout_ms) == ("none", "65534:65534", 60_000)
    assert hook.memory_bytes == 64 << 20
    assert (hook.pids_limit, hook.nano_cpus, hook.idempotent, hook.failure_policy) == (64, 10**9, False, "abort")


def test_all_that_a_hook_says_is_taken() -> None:
    said = {
        "command": ["./migrate", "--yes"],
        "image": TOOLS,
        "digest": OTHER,
        "timeout": "1h",
        "network": "back",
        "environment": {"A": "b"},
        "user": "1000",
        "failurePolicy": "ignore",
        "idempotent": True,
        "memoryLimit": "1Gi",
        "cpuLimit": 0.5,
        "pidsLimit": 8,
        "mounts": ["data:/data:rw", "data:/again"],
    }
    (hook,) = build(document({"postDeploy": said}, volumes=["data:/var/lib/app"])).hooks
    assert hook == Hook(
        name="postDeploy",
        command=("./migrate", "--yes"),
        image=ImageReference(TOOLS, OTHER),
        timeout_ms=3_600_000,
        network="back",
        environment={"A": "b"},
        user="1000",
        failure_policy="ignore",
        idempotent=True,
        memory_bytes=1 << 30,
        nano_cpus=500_000_000,
        pids_limit=8,
        mounts=(Mount("/data", "data"), Mount("/again", "data", read_only=True)),
    )


def test_hooks_come_in_the_order_of_their_names_not_of_the_file() -> None:
    hooks = {name: {"command": ["x"]} for name in ("preRollback", "postDeploy", "preDeploy")}
    assert [hook.name for hook in build(document(hooks)).hooks] == ["preDeploy", "postDeploy", "preRollback"]


def test_a_changed_hook_is_no_other_revision() -> None:
    without, with_one = build(document({})), build(document({"preDeploy": {"command": ["x"]}}))
    assert without.fingerprint == with_one.fingerprint
    assert without != with_one


def test_only_images_that_no_container_has_are_needed_besides() -> None:
    own, other = {"command": ["x"]}, {"command": ["x"], "image": TOOLS, "digest": OTHER}
    desired = build(document({"preDeploy": own, "postDeploy": other, "preRollback": other}))
    assert desired.hook_images == (ImageReference(TOOLS, OTHER),)


def test_a_project_with_one_service_lends_its_image_and_network() -> None:
    problems, (desired,) = of_project("{postDeploy: {command: [x], network: container}}", one=True)
    assert problems == ()
    assert (desired.hooks[0].image.digest, desired.hooks[0].service) == (DIGEST, "web")


def test_a_project_with_many_services_is_asked_for_one() -> None:
    _, (desired,) = of_project("{preDeploy: {command: [x], service: db}}")
    assert (desired.hooks[0].image.digest, desired.hooks[0].service) == (OTHER, "db")
    _, (desired,) = of_project(f"{{preDeploy: {{command: [x], image: {TOOLS}, digest: '{DIGEST}'}}}}")
    assert (desired.hooks[0].image.repository, desired.hooks[0].service) == (TOOLS, "")


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("{command: [x]}", "needs service: whose image it runs in, or an image and digest of its own"),
        ("{command: [x], service: bd}", "the lock file has no such service; allowed: db, web"),
        (
            f"{{command: [x], network: container, image: {TOOLS}, digest: '{DIGEST}'}}",
            "needs service: whose container is meant; allowed: db, web",
        ),
    ],
)
def test_a_hook_of_many_services_that_names_none_is_refused(hook: str, words: str) -> None:
    problems, documents = of_project(f"{{postDeploy: {hook}}}")
    assert not documents
    assert words in str(problems[0])


def test_a_project_mounts_what_one_of_its_services_does() -> None:
    web = "volumes: ['data:/data']"
    text = project(spec="hooks: {preDeploy: {command: [x], mounts: ['shop_data:/d:rw']}}")
    found = examined(text, {LOCK_PATH: lock(web, rest="volumes: {data: {}}\n")})
    assert not found.problems, found.problems
    assert found.documents[0].hooks[0].mounts == (Mount("/d", "shop_data"),)


def test_a_lock_file_that_is_wrong_says_nothing_of_hooks() -> None:
    found = examined(project(spec="hooks: {preDeploy: {command: [x]}}"), {LOCK_PATH: "services: 1\n"})
    assert found.problems
    assert not [problem for problem in found.problems if "hooks" in problem.path]


def test_a_stored_document_with_a_hook_that_is_wrong_now_is_told() -> None:
    with pytest.raises(InvalidDocuments, match=r"spec\.hooks\.preDeploy\.timeout.*too long"):
        build(document({"preDeploy": {"command": ["x"], "timeout": "61m"}}))
