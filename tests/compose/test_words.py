"""What Compose is told, what its words mean, and how they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.compose import arguments
from reconciler.compose.failures import TEXT_LIMIT, failure, left_in_use
from reconciler.compose.lines import LINE_LIMIT, clean, told
from reconciler.core.interfaces import ComposeProject
from reconciler.errors import ComposeBusy, ComposeFailed, EngineUnavailable, NoSpace, ReconcilerError

PROJECT = ComposeProject(name="shop", directory="/srv/shop", files=("/srv/shop/a.yml", "/srv/shop/b.yml"))
DAEMON = "Error response from daemon: "


def test_an_ordinary_run_creates_and_starts_nothing() -> None:
    (run,) = arguments.up(PROJECT, ())
    assert run[-5:] == ("up", "--no-start", "--pull", "never", "--remove-orphans")
    assert [run[at + 1] for at, word in enumerate(run) if word == "--file"] == list(PROJECT.files)
    assert run[run.index("--env-file") :][:2] == ("--env-file", "/dev/null")


def test_forced_recreation_stands_between_two_ordinary_runs() -> None:
    first, forced, last = arguments.up(PROJECT, ("web", "--db"))
    assert first == last == arguments.up(PROJECT, ())[0]
    assert forced == (*first, "--force-recreate", "--no-deps", "--", "web", "--db")


def test_down_needs_no_file_and_keeps_volumes() -> None:
    words = arguments.down(PROJECT)
    assert "--file" not in words
    assert not {"-v", "--volumes", "--rmi"} & set(words)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (" Container shop-web-1  Recreated", "web: Recreated"),
        ("Container shop-web-2  Created", "web-2: Created"),
        (" Container a55b9b1a8e46_shop-web-1  Recreate", "web: Recreate"),
        (" Container named-by-hand  Running", "named-by-hand: Running"),
        (" Network shop_default  Creating", "network default: Creating"),
        (' Volume "shop_data"  Created', "volume data: Created"),
        ("something new", "something new"),
        ('time="2026-11-23T19:06:12Z" level=warning msg="a \\"b\\"\\nc"', 'warning: a "b" c'),
        ("pull from https://me:secret@registry/x", "pull from https://***@registry/x"),
    ],
)
def test_a_line_is_shown_short(line: str, shown: str) -> None:
    assert told(line, "shop") == shown


@given(st.binary(max_size=2000))
def test_any_bytes_become_a_printable_bounded_line(raw: bytes) -> None:
    line = clean(raw)
    assert len(line) <= LINE_LIMIT
    assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", EngineUnavailable),
        ("error during connect: Get http://x: EOF", EngineUnavailable),
        (f"{DAEMON}grpc: the client connection is closing: transport is closing", EngineUnavailable),
        (
            f'{DAEMON}Conflict. The container name "/shop-web-1" is already in use by container "1125".',
            ComposeBusy,
        ),
        (f"{DAEMON}removal of container 1125 is already in progress", ComposeBusy),
        (f"{DAEMON}network 9abfc11d2dc8 not found", ComposeBusy),
        (f"{DAEMON}error while removing network: network shop_default has active endpoints", ComposeBusy),
        (f"{DAEMON}cannot start a paused container, try unpause instead", ComposeBusy),
        (f"{DAEMON}No such image: x@sha256:00", ComposeBusy),
        ("cannot share network namespace with service web: container missing", ComposeBusy),
        (f"{DAEMON}write /var/lib/docker/x: no space left on device", NoSpace),
        ("yaml: line 1: did not find expected ',' or ']'", ComposeFailed),
        (f'{DAEMON}invalid mount config for type "bind": bind source path does not exist: /nope', ComposeFailed),
        ('external volume "x" not found', ComposeFailed),
    ],
)
def test_words_decide_what_went_wrong(text: str, error: type[ReconcilerError]) -> None:
    found = failure("creating the containers of shop", [" Container shop-web-1  Creating", text])
    assert type(found) is error
    assert found.message == f"creating the containers of shop: {text}"


def test_a_run_without_a_word_is_told_as_such() -> None:
    assert failure("x", []).message == "x: Compose gave no reason"
    assert failure("x", [" Container shop-web-1  Creating"]).message == "x:  Container shop-web-1  Creating"


@given(st.lists(st.text(max_size=900), max_size=20))
def test_reasons_are_bounded(lines: list[str]) -> None:
    assert len(failure("x", lines).message) <= TEXT_LIMIT + len("x: ")


def test_reasons_hold_no_credentials() -> None:
    assert "secret" not in failure("x", ["get https://me:secret@host/y failed"]).message


def test_what_stays_because_others_use_it_is_noticed() -> None:
    assert left_in_use([" Network shop_default  Removing", " Network shop_default  Resource is still in use"])
    assert not left_in_use([" Network shop_default  Removed"])
