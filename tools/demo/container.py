"""The story of one container: deployed, edited, broken by hand, a release that fails, and back."""

from __future__ import annotations

from tests.parts.standard_images import WEB_PORT
from tools.demo.stage import Story

NAME = "reconciler-demo-web"
DOCUMENT = """\
# One document wishes for one container. Edit it, and the host follows.
apiVersion: stella/v1
kind: Container
metadata:
  name: {name}
spec:
  release: {{id: {release}, name: Web {release}}}
  image: {repository}
  digest: {digest}
  config:
    ports: ["127.0.0.1:{port}:{web_port}"]
    memoryLimit: 64Mi
    environment: {{GREETING: hello}}
    healthCheck: {{timeout: 10s}}
  strategy: {{minHealthy: 1s}}
  sticker: {{path: {sticker}}}
  deletionPolicy: delete
"""


SERIES = rf'\{{.*document="{NAME}"'


def tell(story: Story) -> None:
    """The chapters."""
    for chapter in (deploy, edit, removed_by_hand, changed_by_hand, failing_release, back_again):
        chapter(story)


def write(story: Story, version: str) -> None:
    """Edit the document, as a person or a Git pull would: the file is replaced whole."""
    image = getattr(story.images, f"web_{version}")
    text = DOCUMENT.format(
        name=NAME,
        release=version,
        repository=image.repository,
        digest=image.digest,
        port=story.web_port,
        web_port=WEB_PORT,
        sticker=story.folder / "sticker" / "version.json",
    )
    draft = story.desired / ".web.yaml.draft"
    draft.write_text(text)
    draft.replace(story.desired / "web.yaml")


def deploy(story: Story) -> None:
    story.title("1. A document for release v1 is written; the host follows")
    write(story, "v1")
    story.check("the web app answers: web v1", lambda: story.page() == "web v1")
    story.phase(NAME, "Converged")


def edit(story: Story) -> None:
    story.title("2. The file is edited to v2")
    write(story, "v2")
    story.check("the web app answers: web v2", lambda: story.page() == "web v2")
    story.check("the sticker on the host names v2", lambda: '"v2"' in sticker(story))


def removed_by_hand(story: Story) -> None:
    story.title("3. Somebody removes the container by hand; it is healed")
    story.docker("rm", "-f", NAME)
    story.check("the web app answers again: web v2", lambda: story.page() == "web v2")
    heals = r'reconciler_heals_total\{.*reason="missing"'
    story.check("metric: one heal of a missing container", lambda: story.metric(heals) == "1.0")


def changed_by_hand(story: Story) -> None:
    story.title("4. Somebody changes its memory limit by hand; found, told and put right")
    started = story.look("inspect", "--format", "{{.State.StartedAt}}", NAME)
    story.docker("update", "--memory", "128m", "--memory-swap", "128m", NAME)
    memory = ("inspect", "--format", "{{.HostConfig.Memory}}", NAME)
    story.check("the limit is 64Mi again", lambda: story.look(*memory) == str(64 << 20))
    same = story.look("inspect", "--format", "{{.State.StartedAt}}", NAME) == started
    story.check("without a restart", lambda: same, within_s=0)
    _, why = story.reconciler("why", NAME, "--limit", "1")
    told = "config.memoryLimit is 128Mi, wanted 64Mi" in " ".join(why.split())
    story.check("`why` names the field, what was wanted and what was found", lambda: told, within_s=0)


def failing_release(story: Story) -> None:
    story.title("5. The file is edited to v3, whose health check fails; v2 comes back by itself")
    write(story, "v3")
    story.phase(NAME, "RolledBack")
    story.check("the web app answers: web v2", lambda: story.page() == "web v2")
    quarantined = rf"reconciler_quarantined{SERIES}"
    story.check("metric: v3 is quarantined", lambda: story.metric(quarantined) == "1.0")
    story.reconciler("history", NAME)
    status, _ = story.reconciler("status")
    story.check("`status` exits with 2: out of sync", lambda: status == 2, within_s=0)


def back_again(story: Story) -> None:
    story.title("6. The file is edited back to v2; all is well")
    write(story, "v2")
    story.phase(NAME, "Converged")
    status, _ = story.reconciler("status")
    story.check("`status` exits with 0: in sync", lambda: status == 0, within_s=0)


def sticker(story: Story) -> str:
    """The sticker's text, "" while there is none."""
    path = story.folder / "sticker" / "version.json"
    return path.read_text() if path.exists() else ""
