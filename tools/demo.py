"""The main story, told on real containers: what you see is read from the running host, never assumed.

Uses the engine that answers on this machine, or starts a private one; starts a registry, publishes three releases
of a small web app (v3 never becomes healthy), runs the controller on a folder of documents and edits the file as a
person would. Every step is checked over HTTP and on ``/metrics``. Exit status 0 only if all held.

KEEP=1 leaves everything running and says how to end it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
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


def say(line: str) -> None:
    """Tell it now, not when a buffer is full."""
    print(line, flush=True)


def on_a_terminal(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command on a pseudo-terminal as wide as what is left beside our margin; exit status and text."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 74, 0, 0))
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=its, stderr=its)
    os.close(its)
    text = b""
    with contextlib.suppress(OSError):  # the other end is closed: the command has ended
        while chunk := os.read(ours, 65536):
            text += chunk
    os.close(ours)
    return process.wait(), text.decode().replace("\r\n", "\n")


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
            **({} if COLOUR else {"NO_COLOR": "1"}),
            "RECONCILER_ENGINE": self.engine,
            "DOCKER_HOST": self.engine,
            "RECONCILER_DESIRED": str(self.file.parent),
            "RECONCILER_STATE_DIR": str(self.folder / "state"),
            "RECONCILER_POLICY": str(policy(self.folder)),
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
        say(paint("36", f"    $ docker {' '.join(words)}"))
        return self.look(*words)

    def look(self, *words: str) -> str:
        """What a docker command prints, without a word about it."""
        done = subprocess.run(["docker", *words], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def reconciler(self, *words: str) -> tuple[int, str]:
        """Our own command line on a terminal of its own, as a person would use it: exit status and text."""
        say(paint("36", f"    $ reconciler {' '.join(words)}"))
        status, text = on_a_terminal([sys.executable, "-m", "reconciler", *words], self.environment)
        for line in text.rstrip().splitlines():
            say(f"      {line}")
        return status, re.sub(r"\x1b\[[0-9;]*m", "", text)

    def title(self, text: str) -> None:
        """Begin a chapter."""
        say(f"\n{paint('1', text)}  {paint('2', f'[{time.monotonic() - self.began:.0f} s]')}")

    def check(self, what: str, so: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
        """Wait until it is so; tell how long it took, or remember that it did not come."""
        began = time.monotonic()
        while not so():
            if time.monotonic() - began > within_s:
                self.failures.append(what)
                say(paint("31", f"    FAILED after {within_s:.0f} s: {what}"))
                return
            time.sleep(0.1)
        say(paint("32", f"    ok  {what}") + paint("2", f"  ({time.monotonic() - began:.1f} s)"))


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


SERIES = rf'\{{.*document="{NAME}"'


def tell(story: Story) -> None:
    """The chapters."""
    for chapter in (deploy, edit, removed_by_hand, changed_by_hand, failing_release, back_again):
        chapter(story)


def phase(story: Story, word: str) -> None:
    """The metrics page says so of our document."""
    series = rf'reconciler_document_info{SERIES}.*phase="{word}"'
    story.check(f"metric: phase {word}", lambda: story.metric(series) == "1.0", within_s=60)


def deploy(story: Story) -> None:
    story.title("1. A document for release v1 is written; the host follows")
    story.write("v1")
    story.check("the web app answers: web v1", lambda: story.page() == "web v1")
    phase(story, "Converged")


def edit(story: Story) -> None:
    story.title("2. The file is edited to v2")
    story.write("v2")
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
    story.write("v3")
    phase(story, "RolledBack")
    story.check("the web app answers: web v2", lambda: story.page() == "web v2")
    quarantined = rf"reconciler_quarantined{SERIES}"
    story.check("metric: v3 is quarantined", lambda: story.metric(quarantined) == "1.0")
    story.reconciler("history", NAME)
    status, _ = story.reconciler("status")
    story.check("`status` exits with 2: out of sync", lambda: status == 2, within_s=0)


def back_again(story: Story) -> None:
    story.title("6. The file is edited back to v2; all is well")
    story.write("v2")
    phase(story, "Converged")
    status, _ = story.reconciler("status")
    story.check("`status` exits with 0: in sync", lambda: status == 0, within_s=0)


def policy(folder: Path) -> Path:
    """The policy of the demo's host: the sticker may lie in the demo's own folder."""
    path = folder / "policy.yaml"
    if not path.exists():
        path.write_text(f"version: 1\ndeploymentPaths: [{folder}]\n")
        path.chmod(0o600)
    return path


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
        say(f"engine {story.engine}, registry {registry.address}, folder {folder}")
        with controller(story):
            tell(story)
            if keep:
                wait_for_a_person(story)
        clean_up(story)
    if story.failures:
        say(
            paint(
                "31", f"\n{len(story.failures)} checks failed; the controller's log: {folder / 'controller.log'}"
            )
        )
        return 1
    shutil.rmtree(folder)
    say(paint("1;32", f"\nAll of it held, in {time.monotonic() - story.began:.0f} seconds."))
    return 0


def wait_for_a_person(story: Story) -> None:
    """Leave all of it running until Ctrl-C."""
    say(f"\nLeft running. Edit {story.file}, look at http://127.0.0.1:{story.web_port}/ and")
    say(f"http://127.0.0.1:{story.metrics_port}/metrics. For commands: export RECONCILER_ENGINE={story.engine}")
    say(f"RECONCILER_DESIRED={story.file.parent} RECONCILER_STATE_DIR={story.folder / 'state'}. Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
