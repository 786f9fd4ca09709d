"""The story of a Compose project: locked, deployed, a release that fails and comes back whole, rolled back.

The author works in a folder of their own; what they have committed reaches the host's folder as by a Git pull.
"""

from __future__ import annotations

import shutil

from tests.parts.standard_images import WEB_PORT
from tools.demo.stage import Story

NAME = "reconciler-demo-shop"
NETWORK = f"{NAME}_default"

COMPOSE = """\
services:
  web:
    image: {registry}/web:{version}
    ports: ["127.0.0.1:{port}:{web_port}"]
    configs: [{{source: motd, target: /www/motd.txt}}]
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
    restart: unless-stopped
  worker:
    image: {registry}/plain:v1
    depends_on: {{web: {{condition: service_healthy}}}}
    restart: unless-stopped
  migrate:
    image: {registry}/job:v1
    restart: "no"
configs:
  motd: {{file: ./motd.txt}}
"""
DOCUMENT = """\
# One document wishes for one project. The digests are written by `reconciler lock`.
apiVersion: stella/v1
kind: ComposeProject
metadata: {{name: {name}}}
spec:
  release: {{id: {release}, name: Shop {release}}}
  config:
    deploymentDirectory: {directory}
    composeLock: {{}}
    expectedDigests: {{}}
    healthCheck: {{timeout: 10s}}
  strategy: {{minHealthy: 1s}}
  sticker: {{path: {sticker}}}
  deletionPolicy: delete
"""


def tell(story: Story) -> None:
    """The chapters."""
    for chapter in (lock_and_deploy, drift, failing_release, roll_back):
        chapter(story)


def commit(story: Story, version: str) -> None:
    """What the author does for one release: the Compose file, and the document with its digests."""
    author = story.folder / "author"
    (author / "shop").mkdir(parents=True, exist_ok=True)
    (author / "shop" / "motd.txt").write_text(f"welcome to {version}\n")
    registry = story.images.web_v1.repository.rpartition("/")[0]
    text = COMPOSE.format(registry=registry, version=version, port=story.shop_port, web_port=WEB_PORT)
    (author / "shop" / "compose.yaml").write_text(text)
    document = DOCUMENT.format(
        name=NAME,
        release=version,
        directory=story.folder / "deployment",
        sticker=story.folder / "shop-sticker" / "version.json",
    )
    (author / "shop.yaml").write_text(document)
    status, _ = story.reconciler("lock", "shop/compose.yaml", "--document", "shop.yaml", cwd=author)
    story.check("locked: every image by digest", lambda: status == 0, within_s=0)


def pull(story: Story) -> None:
    """Have the author's files in the host's folder, the document as the last."""
    author = story.folder / "author"
    shutil.copytree(author / "shop", story.desired / "shop", dirs_exist_ok=True)
    draft = story.desired / ".shop.yaml.draft"
    shutil.copy(author / "shop.yaml", draft)
    draft.replace(story.desired / "shop.yaml")


def serves(story: Story, version: str) -> None:
    """The shop's web app is of this release, with its config file."""
    story.check(f"the shop answers: web {version}", lambda: story.page(story.shop_port) == f"web {version}")
    story.check(
        f"its config file says: welcome to {version}",
        lambda: story.page(story.shop_port, "motd.txt") == f"welcome to {version}",
    )


def identity(story: Story, service: str) -> str:
    """Id and last start of a service's container."""
    return story.look("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", f"{NAME}-{service}-1")


def lock_and_deploy(story: Story) -> None:
    story.title("7. A Compose file is locked and committed; the project comes up, service by service")
    commit(story, "v1")
    pull(story)
    serves(story, "v1")
    story.phase(NAME, "Converged")
    job = ("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", f"{NAME}-migrate-1")
    story.check("the job has ended with 0", lambda: story.look(*job) == "exited 0", within_s=0)


def drift(story: Story) -> None:
    story.title("8. Somebody removes one service's container; it alone is made anew")
    worker, job = identity(story, "worker"), identity(story, "migrate")
    story.docker("rm", "-f", f"{NAME}-web-1")
    serves(story, "v1")
    story.phase(NAME, "Converged")
    same = (identity(story, "worker"), identity(story, "migrate")) == (worker, job)
    story.check("worker and job were not touched", lambda: same, within_s=0)


def failing_release(story: Story) -> None:
    story.title("9. Release v3 is committed, whose web app never gets healthy; the project comes back whole")
    commit(story, "v3")
    pull(story)
    story.phase(NAME, "RolledBack")
    serves(story, "v1")
    story.reconciler("status")


def roll_back(story: Story) -> None:
    story.title("10. `rollback` puts document, lock file and config file back; all is well")
    status, _ = story.reconciler("rollback", NAME)
    story.check("three files are as they were", lambda: status == 0, within_s=0)
    story.phase(NAME, "Converged")
    status, _ = story.reconciler("status")
    story.check("`status` exits with 0: in sync", lambda: status == 0, within_s=0)
