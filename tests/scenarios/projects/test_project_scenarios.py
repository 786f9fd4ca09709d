"""Scenarios of Compose projects: a host's story in a YAML file, and the plan that must come of it, word for word.

The project shop has ``db``, ``job`` (once, when db is healthy) and ``web`` (after job, with the file nginx.conf).
Steps: ``want`` (write the document: ``release``, the image of ``web``, the content of ``conf``, other keys),
``settle`` (pass after pass), ``one pass``, ``killed in up`` (die before that step of Compose), ``remove``,
``stop``, ``limit`` (processes; no restarts either), ``extra`` (a container without a service), ``touch`` (the file
on disk), ``stranger`` (somebody's container in the project), ``refused`` (what the host's policy refuses),
``prune``. A service whose image is called ``exits`` does so, all others are well.

RECONCILER_REGENERATE=1 writes the plans anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.core.container import RestartPolicy
from reconciler.core.desired import StickerPlace, Suspension
from reconciler.core.plan import Plan
from reconciler.core.plan_text import render
from reconciler.core.project import DIRECTORY_LABEL, PROJECT_LABEL, SERVICE_LABEL, MountedFile, Need, artifact
from reconciler.core.pruning import prune_plan
from tests.core.compose.host import DOCUMENT, Dies, Host, document, reference, service

CASES = sorted(Path(__file__).parent.glob("*.yaml"))
MARK = "plan: |\n"
CONF = MountedFile(artifact="nginx.conf", target="/etc/nginx.conf", key="conf")


class Scenario:
    """One case, played on a small host."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.host = Host(behaviours={"job": "done", "exits": "exits"})
        self.images: set[str] = {"db", "job"}
        self.releases: dict[str, str] = {}
        self.refusals: tuple[str, ...] = ()
        self.pruning = False
        for step in case["steps"]:
            ((verb, argument),) = step.items()
            self._verb(verb)(argument)

    def text(self) -> str:
        """The plan, with names of images and releases in the place of digests."""
        text = render([self._plan()])
        for word in self.images:
            digest = reference(word).digest
            text = text.replace(digest, word).replace(digest.removeprefix("sha256:")[:12], word)
        for fingerprint, release in self.releases.items():
            text = text.replace(fingerprint[:12], f"<{release}>")
        return text

    def _plan(self) -> Plan:
        if self.pruning:
            return prune_plan(self.host.situation())
        return self.host.plan(refusals=self.refusals)

    def _verb(self, verb: str) -> Callable[[Any], None]:
        return getattr(self, "do_" + verb.replace(" ", "_"))  # type: ignore[no-any-return]

    def do_want(self, wish: dict[str, Any]) -> None:
        web, conf = wish.pop("web", "web"), str(wish.pop("conf", "listen 80"))
        suspend = wish.pop("suspended", "")
        desired = document(
            str(wish.pop("release")),
            service("db"),
            service("job", completes=True, needs=(Need("db", "healthy"),)),
            service("web", web, needs=(Need("job", "completed"),), files=(CONF,)),
            files=(artifact("nginx.conf", conf.encode()),),
            sticker=StickerPlace(location="host", path="/var/stella/shop/version.json"),
            suspend=Suspension(by="ana", reason=suspend) if suspend else None,
            **wish,
        )
        self.images.add(web)
        self.releases[desired.fingerprint] = desired.release.id
        self.host.wanted = desired

    def do_settle(self, _: object) -> None:
        self.host.settle()

    def do_one_pass(self, _: object) -> None:
        self.host.one_pass()

    def do_killed_in_up(self, step: int) -> None:
        self.host.die_in_up = step
        with pytest.raises(Dies):
            self.host.one_pass()

    def do_remove(self, name: str) -> None:
        self.host.boxes.remove(self.host.box(name))

    def do_stop(self, name: str) -> None:
        self.host.box(name).status = "exited"
        self.host.box(name).exit_code = 137

    def do_limit(self, limits: dict[str, int]) -> None:
        for name, processes in limits.items():
            box = self.host.box(name)
            box.config = replace(box.config, pids_limit=processes, restart_policy=RestartPolicy("no"))

    def do_extra(self, name: str) -> None:
        wanted = self.host.wanted
        assert wanted is not None
        assert wanted.project is not None
        place = {PROJECT_LABEL: wanted.project.name, DIRECTORY_LABEL: wanted.project.directory}
        self.host.add(name, {**place, SERVICE_LABEL: "debug"})

    def do_touch(self, name: str) -> None:
        for files in self.host.files.values():
            for path in files:
                if path.endswith(f"/{name}"):
                    files[path] = "0" * 64

    def do_stranger(self, name: str) -> None:
        self.host.add(name, {PROJECT_LABEL: DOCUMENT, DIRECTORY_LABEL: "/home/ana/shop", SERVICE_LABEL: "web"})

    def do_refused(self, why: str) -> None:
        self.refusals = (why,)

    def do_prune(self, _: object) -> None:
        self.pruning = True


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_the_plan_of_a_project_reads_as_written(path: Path) -> None:
    text = path.read_text()
    case = yaml.safe_load(text)
    found = Scenario(case).text()
    if os.environ.get("RECONCILER_REGENERATE"):
        head = text.partition(MARK)[0]
        path.write_text(head + MARK + "".join(f"  {line}".rstrip() + "\n" for line in found.splitlines()))
    assert found == case["plan"]
