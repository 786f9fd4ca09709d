"""``plan`` and ``prune``: text, colours by sign, JSON, saved plans, exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.plan import fitting, style_of
from reconciler.controller.applied import Applied
from reconciler.core.drift import Drift
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plans_json
from reconciler.core.plan_text import render
from reconciler.core.words import shortened
from reconciler.spec.problem import Problem
from tests.cli.parts import BLOCKED, DEPLOY, NOTHING, PRUNE, B
from tests.cli.recorded import Ran, RecordedService, run

BROKEN = Problem("web.yaml", 3, 5, "spec.digest", "is missing", text="    image: shop/web")
ODD = Problem("web.yaml", 3, 5, "spec.digest", "is unusual", level="warning")


def plan(folder: Path, *arguments: str, of: tuple[Plan, ...] = (DEPLOY, NOTHING), **options: Any) -> Ran:
    problems = options.pop("problems", ())
    return run(RecordedService(planned=of, problems=problems), "plan", *arguments, folder=folder, **options)


def test_the_text_on_a_pipe_is_that_of_the_core(tmp_path: Path) -> None:
    ran = plan(tmp_path)
    assert ran.out == render((DEPLOY, NOTHING))
    assert ran.exclusive == [False]


LONG = replace(
    DEPLOY,
    drift=(
        Drift("image", "digest", f"registry.example.com/shop/web@{B.digest}", f"sha256:{'a' * 64} for a while"),
    ),
    blocked="release r2 failed before: web is not healthy: its health check fails; last health check: exit 1",
    held=True,
)
BELOW_THE_HEAD = """\
  held: release r2 failed before: web is not healthy: its health check fails;
    last health check: exit 1
  drift image           digest: wanted
                        registry.example.com/shop/web@sha256:bbbbbbbbbbbb…,
                        found sha256:aaaaaaaaaaaa… for a while
"""


def test_on_a_terminal_digests_are_short_and_long_lines_hang(tmp_path: Path) -> None:
    out = plan(tmp_path, "--color", "never", of=(LONG,), terminal=80).out
    assert out.partition("\n")[2].startswith(BELOW_THE_HEAD)
    assert "  +   pull-image         registry.example.com/shop/web@sha256:bbbbbbbbbbbb…\n" in out
    assert max(map(len, out.splitlines())) <= 80


def test_on_a_terminal_paths_of_files_by_digest_are_short() -> None:
    path = f"/srv/shop/files/{'ab' * 32}/app.conf"
    assert fitting(f"  drift mounts          wanted {path}", 200)[0].endswith(
        "/srv/shop/files/abababababab…/app.conf"
    )


def test_a_wide_terminal_breaks_no_line(tmp_path: Path) -> None:
    lines = plan(tmp_path, "--color", "never", of=(LONG,), terminal=300).out.splitlines()
    assert len(lines) == len(render((LONG,)).splitlines())


def test_a_very_narrow_terminal_loses_no_word(tmp_path: Path) -> None:
    out = plan(tmp_path, "--color", "never", of=(DEPLOY,), terminal=20).out
    whole = render((DEPLOY,)).replace(B.digest, B.digest[:19] + "…")
    assert "".join(out.split()) == "".join(whole.split())


@pytest.mark.parametrize(
    ("line", "style"),
    [
        ("  +   pull-image         x", "green"),
        ("  ~   start-container    x", "yellow"),
        ("  -/+ replace            x", "magenta"),
        ("  -   remove-container   x", "red"),
        ("      verify-image       x", ""),
        ("  drift image           digest: wanted a, found b", "yellow"),
        ("  waits: for db", "blue"),
        ("  held: a person", "magenta"),
        ("  blocked: foreign", "red"),
        ("  note: something", "dim"),
        ("                         because it differs", "dim"),
        ("web  deploy  (restarts: 1)", "bold"),
        ("", ""),
    ],
)
def test_each_sign_has_its_colour(line: str, style: str) -> None:
    assert style_of(line) == style


def test_a_terminal_gets_colours(tmp_path: Path) -> None:
    out = plan(tmp_path, terminal=100).out
    assert "\x1b[32m  +   pull-image" in out
    assert "\x1b[31m  -   remove-container" in out


@pytest.mark.parametrize(
    ("of", "problems", "arguments", "status"),
    [
        ((NOTHING,), (), [], 0),
        ((BLOCKED,), (), [], 0),
        ((DEPLOY, NOTHING), (), [], 2),
        ((DEPLOY,), (BROKEN,), [], 1),
        ((DEPLOY,), (BROKEN,), ["db"], 2),
        ((DEPLOY,), (replace(BROKEN, document="web"),), ["web"], 1),
        ((DEPLOY,), (replace(BROKEN, document="other"),), ["web"], 2),
        ((NOTHING,), (ODD,), [], 0),
    ],
)
def test_exit_status(
    tmp_path: Path, of: tuple[Plan, ...], problems: tuple[Problem, ...], arguments: list[str], status: int
) -> None:
    ran = plan(tmp_path, *arguments, of=of, problems=problems)
    assert ran.status == status
    source = f"  {BROKEN.text}\n      ^\n"
    assert ran.err == "".join(f"desired/{item}\n{source if item.text else ''}" for item in problems)


def test_json_is_that_of_the_core(tmp_path: Path) -> None:
    assert json.loads(plan(tmp_path, "--json").out) == plans_json((DEPLOY, NOTHING))


def test_a_saved_plan_is_the_json_and_the_text_is_still_shown(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    assert plan(tmp_path, "--out", str(file)).out == render((DEPLOY, NOTHING))
    assert json.loads(file.read_text()) == plans_json((DEPLOY, NOTHING))


def test_a_plan_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    ran = plan(tmp_path, "--out", str(tmp_path / "no" / "p.json"))
    assert ran.status == 1
    assert "error: could not write" in ran.err


def test_names_are_handed_on(tmp_path: Path) -> None:
    service = RecordedService(planned=(NOTHING,))
    run(service, "plan", "web", "db", folder=tmp_path)
    assert service.calls == [("plans", ("web", "db"))]


def test_prune_only_shows_what_it_would_remove(tmp_path: Path) -> None:
    service = RecordedService(orphans=(PRUNE,))
    ran = run(service, "prune", folder=tmp_path)
    assert ran.out == render((PRUNE,))
    assert ran.err == "nothing was removed; do it with --confirm\n"
    assert ran.status == 2
    assert service.calls == [("prunable", ()), ("plans", ())]


def test_prune_names_the_orphans_that_stay_unless_they_are_named(tmp_path: Path) -> None:
    kept = tuple(replace(PRUNE, document=name, actions=()) for name in ("cron", "mail"))
    service = RecordedService(planned=(NOTHING, *kept))
    ran = run(service, "prune", folder=tmp_path)
    assert ran.err == "2 orphans kept (deletionPolicy orphan): `reconciler prune cron mail`\n"
    assert ran.status == 0
    assert run(service, "prune", "cron", folder=tmp_path).err == ""


def test_prune_with_nothing_to_remove_is_quiet(tmp_path: Path) -> None:
    ran = run(RecordedService(), "prune", "-o", "json", folder=tmp_path)
    assert json.loads(ran.out)["documents"] == []
    assert (ran.status, ran.err) == (0, "")


def test_prune_removes_when_confirmed_and_takes_the_lock(tmp_path: Path) -> None:
    service = RecordedService(results=(Applied(name="old", outcome="converged"),), reports=(("old", "removing"),))
    ran = run(service, "prune", "old", "--confirm", folder=tmp_path)
    assert service.calls == [("prune", ("old",))]
    assert ran.exclusive == [True]
    assert ran.status == 0
    assert ran.err == "old: removing\n"
    assert "old       converged" in ran.out


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_no_line_of_a_plan_goes_on_at_the_left_edge(width: int) -> None:
    place = "/srv/stickers/" + "/".join(["of-a-document-with-a-long-name"] * 3)
    for line in [*render((LONG,)).splitlines(), f"  ~   write-sticker      {place}"]:
        first, *more = fitting(line, width)
        assert all(len(part) <= width for part in (first, *more))
        assert all(part.startswith("    ") for part in more)
        assert "".join("".join((first, *more)).split()) == "".join(shortened(line).split())


def test_a_word_of_a_plan_that_fits_into_a_line_stays_whole() -> None:
    assert fitting("  ~   write-sticker      /srv/stickers/web/version.json", 40) == [
        "  ~   write-sticker",
        "    /srv/stickers/web/version.json",
    ]
