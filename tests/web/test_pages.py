"""What stands on the pages: the words of the command line, all there is to know, and no secret."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.past_text import EVENT_TITLES, OPERATION_TITLES
from reconciler.core.plan import Plan
from reconciler.core.project import artifact
from reconciler.core.record import Record
from reconciler.core.status_text import TITLES, reason_words
from reconciler.spec.build import build
from reconciler.web.assets import load_assets
from reconciler.web.document import EVENTS
from reconciler.web.filter import PAGE
from reconciler.web.layout import Layout
from reconciler.web.notices import MOST_PROBLEMS
from reconciler.web.pages import EVENTS_PAGE, Pages
from reconciler.web.past import LONGEST_PATCH
from reconciler.web.patches import patches
from tests.core.compose.host import document as project
from tests.core.compose.host import service
from tests.web.showroom import (
    DRIFTED,
    HEAL,
    MISSING,
    NEW,
    NOW,
    OLD,
    PART,
    PORTRAIT,
    RECORD,
    ROLLED_BACK,
    Showroom,
    a_status,
    an_event,
    furnished,
)

LAYOUT = Layout(load_assets(), "host-a", "1.2.3")


class Words(HTMLParser):
    """The words of a page, one space between any two of them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def read(html: str) -> str:
    return " ".join(" ".join(Words(html).said).split())


def pages(room: Showroom) -> Pages:
    return Pages(room, LAYOUT)


def table(room: Showroom, **query: str) -> str:
    status, html = pages(room).overview(query)
    assert status == 200
    return read(html)


def document(room: Showroom, name: str = "web") -> str:
    status, html = pages(room).document(name)
    assert status == 200
    return read(html)


def test_the_table_says_what_the_command_line_says() -> None:
    said = table(furnished())
    assert " ".join(TITLES) in said
    assert f"shop OutOfSync Healthy 1.4.2 release +1 2h {reason_words(ROLLED_BACK)}" in said
    assert "api OutOfSync Missing none - 2h wants 1.4.2" in said
    assert "web OutOfSync Healthy 1.4.2 limits 3m" in said
    assert "looked at 12s ago" in said
    assert said.index("api OutOf") < said.index("shop OutOf") < said.index("web OutOf") < said.index("worker-1")


def test_what_is_wrong_with_the_whole_is_told_first_and_bounded() -> None:
    room = furnished()
    room.troubles = ("the engine cannot be reached",)
    room.problems = tuple(f"{number}.yaml:1:1: is wrong" for number in range(MOST_PROBLEMS + 3))
    said = table(room)
    assert "the engine cannot be reached" in said
    assert "0.yaml:1:1: is wrong" in said
    assert f"{MOST_PROBLEMS}.yaml" not in said
    assert "and 3 more problems: reconciler validate shows all" in said
    assert "the engine cannot be reached" in document(room)


def test_a_tally_leads_to_its_documents_and_back() -> None:
    room = furnished()
    html = pages(room).overview({})[1]
    assert 'href="/?sync=OutOfSync"' in html
    assert 'href="/?health=Missing"' in html
    html = pages(room).overview({"sync": "OutOfSync", "q": "web"})[1]
    assert 'href="/?q=web" aria-current="true"' in html
    assert 'href="/?q=web&amp;sync=OutOfSync&amp;health=Missing"' in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "worker"}, "5 of 8 documents"),
        ({"q": "nobody"}, "None of 8 documents is like that"),
        ({"page": "7"}, "None of"),
    ],
)
def test_how_many_are_shown_is_told(query: dict[str, str], found: str) -> None:
    if "page" not in query:
        assert found in table(furnished(), **query)
    assert "No document is known here" in table(Showroom())


def test_many_documents_are_shown_page_by_page() -> None:
    room = Showroom(statuses=[a_status(f"d{number:04}") for number in range(2 * PAGE + 1)])
    first, last, beyond = (table(room, page=number) for number in ("1", "3", "9"))
    assert f"1 to {PAGE} of {2 * PAGE + 1} documents" in first
    assert "page 1 of 3 After" in first
    assert f"{2 * PAGE + 1} to {2 * PAGE + 1} of" in last
    assert "Before page 3 of 3" in last
    assert "Before page 9 of 3" in beyond
    assert 'href="/?page=3" rel="prev"' in pages(room).overview({"page": "9"})[1]


def test_a_documents_page_tells_all_there_is_to_know() -> None:
    said = document(furnished())
    for words in (
        "web OutOfSync Healthy Reconciling",
        "Next: web: look at docker logs web , then edit the document",
        "Release 1.4.2 1.4.2 Digest bbbbbbbbbbbb bbbbbbbbbbbb Sticker current current",
        "OutOfSync for 3m",
        "Last action deploy generation 6 committed",
        "Sticker lies in /var/stella/web/version.json",
        "1 difference for 3m",
        "limits config.memoryLimit 64Mi 128Mi",
        "heal (restarts: 0) ~ update-limits web because config.memoryLimit is 128Mi, wanted 64Mi ~ write-sticker",
        "because the sticker is stale",
        "note: the engine says of swap limits",
        "Container web running, healthy, id 0123456789ab",
        "config.memoryLimit 64Mi 128Mi differs config.environment.BUILD_ID 7 8 ignored 2 fields as wanted",
        "What its last health checks said connected to db 200 OK",
        " ".join(OPERATION_TITLES),
        "6 deploy committed 1.4.2 8ec5a17af827 2h running",
        "5 deploy committed 1.4.1 f0b672321a89 1d was good",
        " ".join(EVENT_TITLES),
        "14m update-limits done web config.memoryLimit is 128Mi, wanted 64Mi",
        "Older events",
    ):
        assert words in said, words


def test_a_cause_is_told_once_for_the_actions_that_share_it() -> None:
    first, second = HEAL.actions
    plan = replace(HEAL, actions=(first, replace(second, cause=first.cause)), notes=())
    room = furnished()
    room.portraits["web"] = replace(PORTRAIT, plan=plan)
    assert document(room).count("because config.memoryLimit") == 1


def test_a_document_that_is_well_says_so_in_few_words() -> None:
    room = Showroom(statuses=[a_status("web", desired_digest="", running_digest="", target="", since=0.0)])
    said = document(room)
    for words in (
        "Nothing differs.",
        "Nothing to do.",
        "It was never deployed.",
        "Nothing was ever done for it.",
        "Target any host",
        "Digest none none",
        "Sticker lies in -",
    ):
        assert words in said, words
    assert "Synced for" not in said


def test_what_is_not_known_is_not_made_up() -> None:
    unknown = a_status("web", sync="Unknown", health="Unknown", phase="Blocked", reason="the engine is away")
    room = Showroom(statuses=[unknown])
    room.portraits["web"] = replace(PORTRAIT, status=unknown, plan=None, parts=(), advice="", record=RECORD)
    said = document(room)
    assert "Blocked: the engine is away" in said
    assert "Not known." in said
    assert "Not known while the host cannot be looked at." in said
    assert "Container" in said
    assert "as wanted" not in said


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(document="web", blocked="db is not there", waiting=True), "no action waiting: db is not there"),
        (Plan(document="web", blocked="5 heals in 5m", held=True), "no action held: 5 heals in 5m"),
        (Plan(document="web", blocked="a stranger has the name"), "no action blocked: a stranger has the name"),
    ],
)
def test_why_nothing_is_done_is_told(plan: Plan, words: str) -> None:
    room = furnished()
    room.portraits["web"] = replace(PORTRAIT, plan=plan)
    assert words in document(room)


def test_a_suspension_is_told_with_its_end() -> None:
    held = replace(DRIFTED, health="Suspended", suspension=Suspension(by="ana", reason="incident", until=NOW))
    forever = replace(held, suspension=Suspension(by="ana", reason="incident"))
    for status, words in (
        (held, "Suspended by ana until 2026-11-18T11:06:40Z"),
        (forever, "Suspended by ana Drift"),
    ):
        room = Showroom(statuses=[status])
        assert words in document(room)


def test_containers_of_a_project_are_folded_where_there_are_many() -> None:
    fine = replace(PART, fields=PART.fields[2:], health_log=())
    room = furnished()
    for number, opened in ((1, 1), (4, 0)):
        parts = tuple(replace(fine, name=f"web-{place}") for place in range(number))
        room.portraits["web"] = replace(PORTRAIT, parts=parts)
        assert pages(room).document("web")[1].count("<details id=") == number
        assert len(re.findall(r"<details[^>]* open>", pages(room).document("web")[1])) == opened


def test_a_container_of_which_nothing_is_as_wanted_has_nothing_to_unfold() -> None:
    room = furnished()
    room.portraits["web"] = replace(PORTRAIT, parts=(replace(PART, fields=PART.fields[:1]),))
    assert "<details" not in pages(room).document("web")[1]


def test_what_is_quarantined_is_told_with_its_reason() -> None:
    room = furnished()
    record = replace(RECORD, quarantined={NEW.fingerprint: "exited with 1", "gone": "timeout"})
    room.portraits["web"] = replace(PORTRAIT, record=record)
    said = document(room)
    assert "quarantined: 1.4.2 exited with 1" in said
    assert "quarantined: - timeout" in said


def test_events_are_read_page_by_page_to_the_first() -> None:
    room = furnished()
    room.history["web"] = [an_event(number, target=f"t{number}") for number in range(1, 131)]
    html, before, seen = pages(room).document("web")[1], "", EVENTS
    while (found := re.search(r"/documents/web/events\?before=(\d+)", html)) is not None:
        before = found[1]
        status, html = pages(room).events("web", {"before": before})
        assert status == 200
        shown = re.findall(r">t(\d+)<", html)
        assert int(shown[0]) == int(before) - 1
        assert len(shown) <= EVENTS_PAGE
        seen += len(shown)
    assert seen == 130
    for strange in ("x", "-1", "", "9" * 40, "²"):
        assert pages(room).events("web", {"before": strange})[0] == 200


def test_a_generation_tells_what_it_was_and_what_it_changed() -> None:
    status, html = pages(furnished()).generation("web", 6)
    said = read(html)
    assert status == 200
    for words in (
        "Started 2026-11-18 09:06:40 UTC Ended 2026-11-18 09:06:50 UTC By file:web.yaml",
        "Because release 1.4.2 replaces 1.4.1 Result running",
        "What it changed since generation 5 web.yaml",
        "- memoryLimit: 32Mi + memoryLimit: 64Mi",
        "- DB_PASSWORD: *** + DB_PASSWORD: ***",
        "+ - --key=***",
    ):
        assert words in said, words
    assert "hunter" not in html


def test_the_first_generation_is_shown_whole_and_one_like_the_former_as_nothing_new() -> None:
    room = furnished()
    said = read(pages(room).generation("web", 5)[1])
    assert "What it was made from web.yaml" in said
    assert "+apiVersion: stella/v1" in said
    again = replace(RECORD.operations[1], generation=7, kind="heal")
    room.portraits["web"] = replace(PORTRAIT, record=replace(RECORD, operations=(*RECORD.operations, again)))
    assert "Nothing: the same document again." in read(pages(room).generation("web", 7)[1])


def test_a_generation_whose_document_is_gone_says_so() -> None:
    room = furnished()
    room.portraits["web"] = replace(PORTRAIT, record=replace(RECORD, revisions=(OLD,)))
    said = read(pages(room).generation("web", 6)[1])
    assert "Its document is no longer kept." in said
    assert "6 deploy committed - -" in document(room)


def test_a_long_diff_is_cut_and_says_how_much() -> None:
    command = [f"--option-{number}" for number in range(LONGEST_PATCH + 50)]
    desired = build(
        {**NEW.desired.document, "spec": {**NEW.desired.document["spec"], "config": {"command": command}}}
    )
    record = Record(
        document="web",
        owner="o",
        revisions=(replace(NEW, fingerprint=desired.fingerprint, desired=desired),),
        operations=(replace(RECORD.operations[0], fingerprint=desired.fingerprint),),
    )
    room = furnished()
    room.portraits["web"] = replace(PORTRAIT, record=record)
    said = read(pages(room).generation("web", 5)[1])
    assert re.search(r"and \d+ more lines", said)
    assert f"--option-{LONGEST_PATCH + 49}" not in said


@pytest.mark.parametrize("what", ["document", "events", "generation"])
def test_what_nobody_knows_is_told_to_be_unknown(what: str) -> None:
    made = pages(furnished())
    status, html = {
        "document": lambda: made.document("<script>"),
        "events": lambda: made.events("<script>", {}),
        "generation": lambda: made.generation("<script>", 1),
    }[what]()
    assert status == 404
    assert "Nothing is known here of" in html
    assert "<script>" in read(html)


def with_config(**config: Any) -> DesiredState:
    """The newest document with another configuration."""
    return build({**NEW.desired.document, "spec": {**NEW.desired.document["spec"], "config": config}})


def changed(before: DesiredState | None, after: DesiredState) -> dict[str, str]:
    return {name: "\n".join(lines) for name, lines in patches(before, after)}


def test_of_a_projects_files_the_lock_file_is_shown_and_of_others_that_they_differ() -> None:
    first = project("1", service("web"), files=(artifact("app.conf", b"password=one"), artifact("old", b"x")))
    second = project("2", service("web"), files=(artifact("app.conf", b"password=two"),))
    found = changed(first, second)
    assert found["app.conf"].startswith("-a file with the digest ")
    assert found["old"].endswith("+no file")
    assert "password" not in str(found)
    assert "app.conf" in changed(None, second)


def test_of_declared_files_no_content_is_shown() -> None:
    spec = {
        **NEW.desired.document["spec"],
        "config": {"files": [{"path": "/etc/app.yml", "content": "key: hunter2"}]},
    }
    (text,) = changed(OLD.desired, build({**NEW.desired.document, "spec": spec})).values()
    assert "content: '[content not shown]'" in text
    assert "hunter2" not in text


def test_five_hundred_documents_are_one_page_within_its_budget() -> None:
    room = Showroom(statuses=[a_status(f"service-{number:03}") for number in range(500)])
    html = pages(room).overview({})[1]
    assert html.count("<tr ") == 501
    assert len(html) < 600_000
    assert html.count("<") < 25_000


def test_missing_is_worse_than_a_difference() -> None:
    room = Showroom(statuses=[DRIFTED, MISSING])
    said = table(room)
    assert said.index("api") < said.index("web OutOfSync")
