"""The main stories, told on real containers: what you see is read from the running host, never assumed.

Uses the engine that answers on this machine, or starts a private one; starts a registry, publishes three releases
of a small web app (v3 never becomes healthy), runs the controller on a folder of documents and edits them as a
person would. Every step is checked over HTTP and on ``/metrics``. Exit status 0 only if all held.

KEEP=1 leaves everything running and says how to end it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.parts.engine import find_engine
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import publish_standard_images
from tools.demo import container, project
from tools.demo.stage import Story, controller
from tools.demo.teller import paint, say


def clean_up(story: Story) -> None:
    """Remove the demo's containers, network and images from the engine."""
    names = ("label=stella.document=" + name for name in (container.NAME, project.NAME))
    for label in names:
        for found in _docker(story, "ps", "-aq", "--filter", label).split():
            _docker(story, "rm", "-f", found)
    _docker(story, "network", "rm", project.NETWORK)
    used = story.images
    for image in (used.web_v1, used.web_v2, used.web_v3, used.plain, used.job):
        _docker(story, "rmi", image.reference)


def _docker(story: Story, *words: str) -> str:
    """What was never made cannot be removed: that is no failure."""
    command = ["docker", *words]
    return subprocess.run(command, env=story.environment, capture_output=True, text=True, check=False).stdout


def main() -> int:
    """Set the stage, tell the stories, clean up; 0 only if every check held."""
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    (folder / "desired").mkdir()
    with find_engine() as engine, PrivateRegistry() as registry:
        story = Story(engine=engine.url, images=publish_standard_images(registry.address), folder=folder)
        say(f"engine {story.engine}, registry {registry.address}, folder {folder}")
        with controller(story):
            container.tell(story)
            project.tell(story)
            if os.environ.get("KEEP") == "1":
                wait_for_a_person(story)
        clean_up(story)
    if story.failures:
        told = f"\n{len(story.failures)} checks failed; the controller's log: {folder / 'controller.log'}"
        say(paint("31", told))
        return 1
    shutil.rmtree(folder)
    say(paint("1;32", f"\nAll of it held, in {time.monotonic() - story.began:.0f} seconds."))
    return 0


def wait_for_a_person(story: Story) -> None:
    """Leave all of it running until Ctrl-C."""
    say(f"\nLeft running. Edit {story.desired}, look at http://127.0.0.1:{story.web_port}/ and")
    say(f"http://127.0.0.1:{story.metrics_port}/metrics. For commands: export RECONCILER_ENGINE={story.engine}")
    say(f"RECONCILER_DESIRED={story.desired} RECONCILER_STATE_DIR={story.folder / 'state'}. Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
