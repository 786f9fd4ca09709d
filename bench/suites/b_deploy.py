"""A first deploy of one document: the image on the host already, and pulled by digest."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import suppress

from bench.ground import Ground, Wishes
from bench.model import Role, Row
from bench.peers import Peers, ansible, ansible_container, peers, service
from bench.programs import RECONCILER
from bench.raw import Raw
from bench.suite import Found, suite
from bench.turns import Turn, contestants, prepared, untimed
from reconciler.controller.app import Parts
from reconciler.controller.loop import Reconciler
from reconciler.controller.readings import Readings
from tests.parts.images import PublishedImage

TARGET = 1.1
FRESH_S = 0.25
"""A file that was just written is read twice, a moment apart; that is no part of a deploy."""


@suite("deploy", "A first deploy", within_s=400.0)
def deploy(ground: Ground) -> Found:
    return (_row(ground, present=True), _row(ground, present=False)), ()


def _row(ground: Ground, *, present: bool) -> Row:
    image = ground.plain
    for engine in (ground.engine, ground.peers_engine):
        ground.have(image, engine)
    word = "present" if present else "absent"
    wishes = ground.wishes(f"deploy-{word}")
    roles: dict[str, Role] = {"create, start": "floor", "in the controller": "ours", "reconciler apply": "ours"}
    if not present:
        roles = {"pull, create, start": "floor", "in the controller": "ours", "reconciler apply": "ours"}
    notes: dict[str, str] = {}
    with wishes.parts() as parts:
        turns = dict(_turns(ground, wishes, parts, present=present))
        samples = ground.turns(dict(zip(roles, turns.values(), strict=False)), rounds=9)
    with_process = {"reconciler apply": _applied(ground, ground.wishes(f"apply-{word}"), present=present)}
    at_work = peers(ground, f"deploy-{word}")
    with_process |= dict(_peers(at_work, image, notes, present=present))
    roles |= dict.fromkeys((name for name in with_process if name not in roles), "peer")
    roles |= dict.fromkeys(notes, "peer")
    samples |= ground.turns(with_process, rounds=5)
    work = f"first deploy, image {word}"
    return Row(id=f"deploy-{word}", work=work, contestants=contestants(samples, roles, notes=notes), target=TARGET)


def _turns(ground: Ground, wishes: Wishes, parts: Parts, *, present: bool) -> Iterator[tuple[str, Turn]]:
    image, raw, numbers = ground.plain, ground.raw(), itertools.count()
    name, config = "raw-deploy", {"Env": ["GREETING=hello"], "Labels": {"n": "1"}}

    def work() -> None:
        if not present:
            raw.pull(image.repository, image.digest)
        raw.start(raw.create(name, image.reference, host={"Memory": 64 << 20}, **config))

    yield "floor", prepared(lambda: _clean(raw, name, image, present=present), work, lambda: raw.remove(name))

    reconciler, current = steady(parts), {"name": ""}

    def before() -> None:
        current["name"] = f"web-{next(numbers)}"
        _clean(raw, current["name"], image, present=present)
        wishes.write(current["name"], image)
        parts.assessor.catalogue.reload()

    def after() -> None:
        (wishes.desired / f"{current['name']}.yaml").unlink()
        raw.remove(current["name"])
        parts.assessor.catalogue.reload()

    yield "ours", prepared(before, lambda: converge(reconciler, current["name"]), after)


def steady(parts: Parts) -> Reconciler:
    """Passes as the running controller makes them."""
    return parts.reconciler(
        sleep=time.sleep, linger=time.sleep, stopping=lambda: False, readings=Readings(meters=parts.meters)
    )


def converge(reconciler: Reconciler, name: str) -> None:
    """Pass after pass until it is as wished. Raises RuntimeError where it is not."""
    verdict = reconciler.until_settled(name, progress=lambda _line: None)[-1].verdict
    if verdict.kind != "converged":
        raise RuntimeError(f"{name}: {verdict}")


def _applied(ground: Ground, wishes: Wishes, *, present: bool) -> Turn:
    """The same as a command."""
    image, raw = ground.plain, ground.raw()
    name = "applied"

    def before() -> None:
        _clean(raw, name, image, present=present)
        wishes.write(name, image, release=str(time.time()))
        time.sleep(FRESH_S)

    command = ground.programs.turn([RECONCILER, "apply"], environment=wishes.environment)
    return untimed(command, before=before, after=lambda: raw.remove(name))


def _peers(
    at_work: Peers, image: PublishedImage, notes: dict[str, str], *, present: bool
) -> Iterator[tuple[str, Turn]]:
    raw = at_work.ground.raw(at_work.engine)
    at_work.project({"web": service(image, container_name="peer")})
    commands = {
        "docker run -d": at_work.docker("run", "--detach", "--name", "peer", "--memory", "64m", image.reference),
        "compose up -d": at_work.compose("--project-name", "deploy", "up", "--detach"),
    }
    missing = ansible()
    if missing:
        notes["ansible-playbook"] = missing
    else:
        commands["ansible-playbook"] = at_work.playbook([ansible_container("peer", image)])
    for name, command in commands.items():
        yield (
            name,
            untimed(
                at_work.turn(*command),
                before=lambda: _clean(raw, "peer", image, present=present),
                after=lambda: raw.remove("peer"),
            ),
        )


def _clean(raw: Raw, name: str, image: PublishedImage, *, present: bool) -> None:
    """No such container; the image there or not."""
    with suppress(RuntimeError):
        raw.remove(name)
    if present:
        raw.pull(image.repository, image.digest)
    else:
        with suppress(RuntimeError):
            raw.remove_image(image.reference)
