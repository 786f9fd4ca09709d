"""``make demo-fleet``: one orchestrator and three hosts, told on real engines, each in a network of its own.

The hosts are network namespaces of this machine, each with a private engine and a cable to a switch, which is
pulled on the way. What you see is read from the running hosts, never assumed. Exit status 0 only if all held;
everything is removed at the end, also after Ctrl-C.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from tests.parts.engine import PrivateEngine
from tests.parts.namespace import Namespace, Switch
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import WEB_PORT, publish_standard_images
from tools.demo.machines import ENROLL_PORT, PORT, SHOP, WEB, Machine, Town
from tools.demo.teller import paint, say

NAMES = ("host-a", "host-b", "host-c")
NORTH = NAMES[:2]
ALONE = "this host goes on alone"
DOCUMENT = """\
apiVersion: stella/v1
kind: Container
metadata: {{name: {name}}}
spec:
{targets}  release: {{id: {release}}}
  image: {repository}
  digest: {digest}
  config:
    ports: ["{port}:{web_port}"]
    healthCheck: {{timeout: 10s}}
  strategy: {{minHealthy: 500ms}}
"""


def tell(town: Town, agents: ExitStack) -> None:
    """The chapters."""
    join(town, agents)
    by_task(town)
    by_document(town)
    cut(town)
    revoked(town)
    audited(town)


def join(town: Town, agents: ExitStack) -> None:
    town.title("1. An orchestrator; three hosts join it, each with a token that is good once")
    address = town.switch.address
    where = ("--listen", f"{address}:{PORT}", "--enroll", f"{address}:{ENROLL_PORT}")
    town.reconciler("orchestrator", "init", "--name", address, *where)
    agents.enter_context(town.orchestrator())
    at = ("--server", f"https://{address}:{PORT}", "--enroll-at", f"https://{address}:{ENROLL_PORT}")
    for machine in town.machines.values():
        token = machine.folder / "token"
        token.write_text(town.quietly("orchestrator", "token", "--target", machine.name).split()[0])
        town.on(machine, "agent", "enroll", *at, "--token-file", str(token))
        agents.enter_context(town.agent(machine))
    town.check("all three are online", lambda: states(town) == dict.fromkeys(NAMES, "online"))
    for name in NORTH:
        say(paint("36", f"    PATCH /v1/agents/{name}: region=north"))
        town.ask("PATCH", f"/v1/agents/{name}", body={"labels": {"region": "north"}})
    town.reconciler("fleet", "status")


def by_task(town: Town) -> None:
    town.title("2. A task deploys a release on one host; the answer comes from that host")
    file = town.folder / "web.yaml"
    file.write_text(document(town, "web", "v1", WEB))
    status, _ = town.reconciler("task", "submit", "deploy", "--target", "host-c", "--file", str(file), "--wait")
    town.check("the task has succeeded", lambda: status == 0, within_s=0)
    town.check("host-c answers: web v1", lambda: town.machines["host-c"].page(WEB) == "web v1")
    town.check("host-a has none of it", lambda: town.machines["host-a"].page(WEB) == "", within_s=0)


def by_document(town: Town) -> None:
    town.title("3. One document for all hosts of the region north, in the orchestrator's folder")
    write(town, "v1")
    for name in NORTH:
        town.check(f"{name} answers: web v1", partial(answers, town.machines[name], "web v1"))
    town.check("host-c has none of it", lambda: town.machines["host-c"].page(SHOP) == "", within_s=0)
    town.check("both have told so", lambda: all(synced(town, name, "v1") for name in NORTH))
    town.reconciler("fleet", "documents")


def cut(town: Town) -> None:
    town.title("4. The network of host-b is cut. Somebody removes its container: it is healed there, alone")
    machine = town.machines["host-b"]
    machine.network.cut()
    say(paint("36", "    host-b's cable is pulled"))
    machine.docker("rm", "-f", "shop")
    town.check("on host-b itself it answers again: web v1", lambda: machine.page_within(SHOP) == "web v1")
    town.check("from here nobody reaches it", lambda: machine.page(SHOP) == "", within_s=0)
    write(town, "v2")
    town.check("host-a follows the document to v2", lambda: town.machines["host-a"].page(SHOP) == "web v2")
    town.check("host-b still has v1", lambda: machine.page_within(SHOP) == "web v1", within_s=0)
    town.check("its agent has noticed", lambda: ALONE in machine.log)
    machine.network.mend()
    say(paint("36", "    host-b's cable is put in again"))
    town.check("host-b follows, too: web v2", lambda: machine.page(SHOP) == "web v2", within_s=90)
    town.check("and has told so", lambda: synced(town, "host-b", "v2"))


def revoked(town: Town) -> None:
    town.title("5. host-c is revoked: nothing more is heard of it, and what runs there stays")
    machine = town.machines["host-c"]
    town.reconciler("fleet", "revoke", "host-c")
    town.check("it is cut off", lambda: ALONE in machine.log, within_s=60)
    status, _ = town.reconciler("task", "submit", "inspect", "--target", "host-c")
    town.check("no task is taken for it", lambda: status != 0, within_s=0)
    town.check("it answers still: web v1", lambda: machine.page(WEB) == "web v1", within_s=0)
    town.reconciler("fleet", "status")


def audited(town: Town) -> None:
    town.title("6. Who did what stands in audit logs on both sides, and they hold")
    status, _ = town.reconciler("audit", "verify", "--state-dir", str(town.home))
    town.check("the orchestrator's holds", lambda: status == 0, within_s=0)
    town.reconciler("audit", "show", "--state-dir", str(town.home), "--limit", "4")
    status, _ = town.on(town.machines["host-b"], "audit", "verify")
    town.check("host-b's holds", lambda: status == 0, within_s=0)


def answers(machine: Machine, words: str) -> bool:
    """Whether the region's web app says so there."""
    return machine.page(SHOP) == words


def document(town: Town, name: str, version: str, port: int, targets: str = "") -> str:
    """One release of the web app under a name."""
    image = getattr(town.images, f"web_{version}")
    return DOCUMENT.format(
        name=name,
        targets=targets,
        release=version,
        repository=image.repository,
        digest=image.digest,
        port=port,
        web_port=WEB_PORT,
    )


def write(town: Town, version: str) -> None:
    """Edit the document of the region, as a person or a Git pull would: the file is replaced whole."""
    targets = "  targets: {matchLabels: {region: north}}\n"
    draft = town.home / "desired" / ".shop.yaml.draft"
    draft.write_text(document(town, "shop", version, SHOP, targets))
    draft.replace(town.home / "desired" / "shop.yaml")
    say(paint("36", f"    desired/shop.yaml is written: {version}, {targets.strip()}"))


def states(town: Town) -> dict[str, str]:
    """Each agent's presence."""
    return {item["id"]: item["presence"] for item in town.ask("GET", "/v1/agents")["items"]}


def synced(town: Town, name: str, release: str) -> bool:
    """Whether the agent has told that the region's document is there at this release."""
    told = town.ask("GET", f"/v1/agents/{name}")["documents"]
    return ("shop", "synced", release) in {(item["id"], item.get("sync"), item.get("release")) for item in told}


@contextmanager
def town_of(folder: Path) -> Iterator[Town]:
    """Switch, registry, and three machines with an engine on each."""
    with ExitStack() as parts:
        switch = parts.enter_context(Switch())
        registry = parts.enter_context(PrivateRegistry(listen=switch.address))
        town = Town(folder=folder, switch=switch, images=publish_standard_images(registry.address))
        insecure = (f"--insecure-registry={registry.address}",)
        for number, name in enumerate(NAMES, start=11):
            network = parts.enter_context(Namespace(switch, number))
            engine = parts.enter_context(PrivateEngine(arguments=insecure, inside=network.inside))
            (folder / name / "desired").mkdir(parents=True)
            town.machines[name] = Machine(name=name, network=network, engine=engine, folder=folder / name)
        say(f"switch {switch.address}, registry {registry.address}, folder {folder}")
        yield town


def main() -> int:
    """Set the stage, tell the stories, take it away; 0 only if every check held."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-fleet-"))
    try:
        with town_of(folder) as town, ExitStack() as agents:
            tell(town, agents)
    except KeyboardInterrupt:
        say("\nInterrupted; everything was taken away.")
        shutil.rmtree(folder)
        return 130
    if town.failures:
        say(paint("31", f"\n{len(town.failures)} checks failed; the logs are in {folder}"))
        return 1
    shutil.rmtree(folder)
    say(paint("1;32", f"\nAll of it held, in {time.monotonic() - town.began:.0f} seconds."))
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Once: what follows is the way out, which nobody is to interrupt."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
