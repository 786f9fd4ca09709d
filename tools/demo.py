"""The main story, told on real containers: what you see is read from the running host, never assumed.

Uses the engine that answers on this machine, or starts a private one; starts a registry, publishes three releases
of a small web app (v3 never becomes healthy), runs the controller on a folder of documents and edits the file as a
person would. Every step is checked over HTTP and on ``/metrics``. Exit status 0 only if all held.

KEEP=1 leaves everything running and says how to end it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.parts.engine import find_engine
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import WEB_PORT, StandardImages, publish_standard_images

NAME = "reconciler-demo-web"
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
WITHIN_S = 30.0

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


def paint(code: str, text: str) -> str:
    """Coloured on a terminal, plain elsewhere."""
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(url: str) -> str:
    """The page's text, or "" while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  (our own loopback address)
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


@dataclass(slots=True)
class Story:
    """The stage: engine URL, images, folder, ports; and what has been told so far."""

    engine: str
    images: StandardImages
    folder: Path
    web_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    failures: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def file(self) -> Path:
        return self.folder / "desired" / "web.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """For every ``reconciler`` and ``docker`` command of the story."""
        return {
            **os.environ,
            "RECONCILER_ENGINE": self.engine,
            "DOCKER_HOST": self.engine,
            "RECONCILER_DESIRED": str(self.file.parent),
            "RECONCILER_STATE_DIR": str(self.folder / "state"),
            "RECONCILER_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "RECONCILER_RESYNC": "5",
        }

    def write(self, version: str) -> None:
        """Edit the document, as a person or a Git pull would: the file is replaced whole."""
        image = getattr(self.images, f"web_{version}")
        text = DOCUMENT.format(
            name=NAME,
            release=version,
            repository=image.repository,
            digest=image.digest,
            port=self.web_port,
            web_port=WEB_PORT,
            sticker=self.folder / "sticker" / "version.json",
        )
        draft = self.file.with_name(".web.yaml.draft")
        draft.write_text(text)
        draft.replace(self.file)

    def page(self) -> str:
        """What the web app says now."""
        return fetch(f"http://127.0.0.1:{self.web_port}/").strip()

    def metric(self, pattern: str) -> str:
        """The value of the first series whose line begins as ``pattern`` (a regular expression) says."""
        found = re.search(
            rf"^{pattern}.*? ([0-9.e+]+)$", fetch(f"http://127.0.0.1:{self.metrics_port}/metrics"), re.MULTILINE
        )
        return found.group(1) if found else ""

    def docker(self, *words: str) -> str:
        """The real docker command, by hand."""
        print(paint("36", f"    $ docker {' '.join(words)}"))
        done = subprocess.run(["docker", *words], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def reconciler(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Our own command line, as a person would use it."""
        print(paint("36", f"    $ reconciler {' '.join(words)}"))
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (done.stdout + done.stderr).rstrip().splitlines():
            print(paint("2", f"      {line}"))
        return done

    def title(self, text: str) -> None:
        """Begin a chapter."""
        print(f"\n{paint('1', text)}  {paint('2', f'[{time.monotonic() - self.began:.0f} s]')}", flush=True)

    def check(self, what: str, so: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
        """Wait until it is so; tell how long it took, or remember that it did not come."""
        began = time.monotonic()
        while not so():
            if time.monotonic() - began > within_s:
                self.failures.append(what)
                print(paint("31", f"    FAILED after {within_s:.0f} s: {what}"), flush=True)
                return
            time.sleep(0.1)
        print(paint("32", f"    ok  {what}") + paint("2", f"  ({time.monotonic() - began:.1f} s)"), flush=True)


@contextlib.contextmanager
def controller(story: Story) -> Iterator[subprocess.Popen[bytes]]:
    """``reconciler run`` in the background, its log in a file; ended by SIGTERM as any service."""
    with (story.folder / "controller.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "run"], env=story.environment, stderr=log, stdout=log
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def tell(story: Story) -> None:
    """The chapters."""
    series = rf'\{{.*document="{NAME}"'
    story.title("1. A document for release v1 is written; the host follows")
    story.write("v1")
    story.check("the web app answers: web v1", lambda: story.page() == "web v1")
    story.check(
        "metric: no drift, Converged",
        lambda: story.metric(rf'reconciler_document_info{series}.*phase="Converged"') == "1.0",
    )
    story.title("2. The file is edited to v2; the plan says what will happen, and it happens")
    story.write("v2")
    story.check("the web app answers: web v2", lambda: story.page() == "web v2")
    story.check(
        "the sticker on the host names v2", lambda: '"id": "v2"' in sticker(story) or '"id":"v2"' in sticker(story)
    )
    story.title("3. Somebody removes the container by hand; it is healed")
    story.docker("rm", "-f", NAME)
    story.check("the web app answers again: web v2", lambda: story.page() == "web v2")
    story.check(
        "metric: one heal", lambda: float(story.metric(r'reconciler_heals_total\{.*reason="missing"') or 0) >= 1
    )
    story.title("4. Somebody changes its memory limit by hand; the drift is shown and corrected without a restart")
    started = story.docker("inspect", "--format", "{{.State.StartedAt}}", NAME)
    story.docker("update", "--memory", "128m", "--memory-swap", "128m", NAME)
    story.check(
        "the limit is 64Mi again",
        lambda: (
            subprocess.run(
                ["docker", "inspect", "--format", "{{.HostConfig.Memory}}", NAME],
                env=story.environment,
                capture_output=True,
                text=True,
                check=False,
            ).stdout.strip()
            == str(64 << 20)
        ),
    )
    story.check(
        "and it was not restarted",
        lambda: story.docker("inspect", "--format", "{{.State.StartedAt}}", NAME) == started,
        within_s=1,
    )
    why = story.reconciler("why", NAME)
    story.check(
        "`why` names field, wanted and found",
        lambda: "config.memoryLimit is 128Mi, wanted 64Mi" in " ".join(why.stdout.split()),
        within_s=1,
    )
    story.title("5. The file is edited to v3, whose health check fails; v2 comes back by itself")
    story.write("v3")
    story.check(
        "metric: v3 is quarantined", lambda: story.metric(rf"reconciler_quarantined{series}") == "1.0", within_s=60
    )
    story.check("the web app answers: web v2", lambda: story.page() == "web v2")
    story.check(
        "metric: RolledBack",
        lambda: story.metric(rf'reconciler_document_info{series}.*phase="RolledBack"') == "1.0",
    )
    status = story.reconciler("status")
    story.check("`status` exits 2: out of sync", lambda: status.returncode == 2, within_s=1)
    story.title("6. The file is edited back to v2; all is well")
    story.write("v2")
    story.check(
        "metric: Converged", lambda: story.metric(rf'reconciler_document_info{series}.*phase="Converged"') == "1.0"
    )
    done = story.reconciler("status")
    story.check("`status` exits 0: in sync", lambda: done.returncode == 0, within_s=1)


def sticker(story: Story) -> str:
    """The sticker's text, "" while there is none."""
    path = story.folder / "sticker" / "version.json"
    return path.read_text() if path.exists() else ""


def clean_up(story: Story) -> None:
    """Remove the demo's containers and images from the engine."""
    listing = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=stella.document={NAME}"],
        env=story.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    for container in listing.stdout.split():
        subprocess.run(["docker", "rm", "-f", container], env=story.environment, capture_output=True, check=False)
    for image in (story.images.web_v1, story.images.web_v2, story.images.web_v3):
        subprocess.run(["docker", "rmi", image.reference], env=story.environment, capture_output=True, check=False)


def main() -> int:
    """Set the stage, tell the story, clean up; 0 only if every check held."""
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    (folder / "desired").mkdir()
    keep = os.environ.get("KEEP") == "1"
    with find_engine() as engine, PrivateRegistry() as registry:
        story = Story(engine=engine.url, images=publish_standard_images(registry.address), folder=folder)
        print(f"engine {story.engine}, registry {registry.address}, folder {folder}")
        with controller(story):
            tell(story)
            if keep:
                wait_for_a_person(story)
        clean_up(story)
    if story.failures:
        print(
            paint(
                "31", f"\n{len(story.failures)} checks failed; the controller's log: {folder / 'controller.log'}"
            )
        )
        return 1
    shutil.rmtree(folder)
    print(paint("1;32", f"\nAll of it held, in {time.monotonic() - story.began:.0f} seconds."))
    return 0


def wait_for_a_person(story: Story) -> None:
    """Leave all of it running until Ctrl-C."""
    print(f"\nLeft running. Edit {story.file}, look at http://127.0.0.1:{story.web_port}/ and")
    print(f"http://127.0.0.1:{story.metrics_port}/metrics. For commands: export RECONCILER_ENGINE={story.engine}")
    print(f"RECONCILER_DESIRED={story.file.parent} RECONCILER_STATE_DIR={story.folder / 'state'}. Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
