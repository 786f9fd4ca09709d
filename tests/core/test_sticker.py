from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig
from reconciler.core.desired import DesiredState, ImageReference, Release
from reconciler.core.observation import StickerReading, StickerState
from reconciler.core.project import Project, Service, artifact
from reconciler.core.record import Operation, Record, Revision
from reconciler.core.sticker import MAX_BYTES, judge, make_sticker, seal
from reconciler.errors import StateError

KEY = bytes(range(32))
HARD = st.text(st.characters() | st.sampled_from("'\"`$()\\\n\r\0{}\N{WHALE}\u2028"), max_size=40)
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "sticker.v1.schema.json").read_text("utf-8"))


def _wish(release: str, *, document: str = "web", digit: str = "a") -> DesiredState:
    return DesiredState(
        name=document,
        release=Release(release, f"Web {release}"),
        image=ImageReference("registry.example.com/shop/web", "sha256:" + digit * 64),
        container_name="web-1",
        config=ContainerConfig(),
        target="host-a",
    )


def _operation(desired: DesiredState, generation: int, **changes: Any) -> Operation:
    operation = Operation(
        generation=generation,
        kind="deploy",
        fingerprint=desired.fingerprint,
        state="committed",
        actor="ana",
        started_at=1_700_000_000.25 + generation,
        ended_at=1_700_000_009.75 + generation,
    )
    return replace(operation, **changes)


def _record(*steps: tuple[DesiredState, str], document: str = "web", actor: str = "ana") -> Record:
    """The history of revisions and the states in which they ended."""
    return Record(
        document=document,
        owner="0123456789abcdef",
        generation=len(steps),
        operations=tuple(
            _operation(desired, number, state=state, actor=actor)
            for number, (desired, state) in enumerate(steps, start=1)
        ),
        revisions=tuple(
            {item.fingerprint: Revision(fingerprint=item.fingerprint, desired=item) for item, _ in steps}.values()
        ),
    )


OLD, NEW = _wish("rel-1", digit="a"), _wish("rel-2", digit="b")
RECORD = _record((OLD, "committed"), (NEW, "committed"))


def _judge(content: bytes, record: Record = RECORD, desired: DesiredState = NEW) -> StickerState:
    return judge(StickerReading(fact="present", content=content), record, desired, KEY)


def _resealed(change: Mapping[str, Any]) -> bytes:
    return seal({**make_sticker(RECORD), **change}, KEY)


def test_a_sticker_tells_release_deployment_and_what_was_before() -> None:
    assert make_sticker(RECORD) == {
        "version": "1.0",
        "generatedAt": "2023-11-14T22:13:31Z",
        "generator": "reconciler",
        "release": {
            "id": "rel-2",
            "name": "Web rel-2",
            "components": [
                {"name": "web-1", "image": "registry.example.com/shop/web", "digest": "sha256:" + "b" * 64}
            ],
        },
        "deployment": {
            "id": "0123456789abcdef.web.2",
            "document": "web",
            "kind": "Container",
            "target": "host-a",
            "generation": 2,
            "strategy": "stop-first",
            "startedAt": "2023-11-14T22:13:22Z",
            "completedAt": "2023-11-14T22:13:31Z",
            "actor": "ana",
            "taskId": "",
        },
        "fingerprint": NEW.fingerprint,
        "previous": {"releaseId": "rel-1", "digest": "sha256:" + "a" * 64, "generation": 1},
    }


@pytest.mark.parametrize(
    ("record", "previous"),
    [
        (_record((NEW, "committed")), None),
        (_record((NEW, "committed"), (NEW, "committed")), None),
        (_record((OLD, "undone"), (NEW, "committed")), None),
        (_record((OLD, "committed"), (NEW, "committed"), (NEW, "committed"), (OLD, "undone")), 1),
    ],
    ids=["first", "healed", "former failed", "healed later"],
)
def test_previous_is_the_newest_commit_of_another_revision(record: Record, previous: int | None) -> None:
    said = make_sticker(record)["previous"]
    assert (said and said["generation"]) == previous


def test_a_revision_that_is_no_longer_known_is_no_previous_one() -> None:
    assert make_sticker(replace(RECORD, revisions=RECORD.revisions[1:]))["previous"] is None


def test_a_document_without_a_target_has_an_empty_one() -> None:
    assert make_sticker(_record((replace(NEW, target=None), "committed")))["deployment"]["target"] == ""


@pytest.mark.parametrize("record", [Record(document="web", owner="x"), replace(RECORD, revisions=())])
def test_without_a_commit_there_is_nothing_to_say(record: Record) -> None:
    with pytest.raises(StateError, match="nothing of web is committed"):
        make_sticker(record)
    assert _judge(seal(make_sticker(RECORD), KEY), record) == "stale"


def test_stickers_follow_the_published_schema() -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    for record in (RECORD, _record((NEW, "committed"))):
        assert list(check.iter_errors(json.loads(seal(make_sticker(record), KEY)))) == []


def test_a_sealed_sticker_is_readable_and_always_the_same() -> None:
    content = seal(make_sticker(RECORD), KEY)
    assert content == seal(make_sticker(RECORD), KEY)
    assert content.startswith(b'{\n  "deployment": {\n    "actor": "ana",\n')
    assert content.endswith(b"\n}\n")


def test_a_sticker_over_the_size_is_refused() -> None:
    with pytest.raises(StateError, match=f"more than {MAX_BYTES}"):
        seal({"text": "x" * MAX_BYTES}, KEY)


def test_the_sticker_of_the_committed_generation_is_current() -> None:
    assert _judge(seal(make_sticker(RECORD), KEY)) == "current"


def test_the_sticker_of_an_earlier_generation_is_stale() -> None:
    assert _judge(seal(make_sticker(_record((OLD, "committed"))), KEY)) == "stale"


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"", "corrupt"),
        (b"\xff\xfe", "corrupt"),
        (b'"text"', "corrupt"),
        (b'{"cut":', "corrupt"),
        (b'{"number": NaN}', "corrupt"),
        (b"[" * 10_000, "corrupt"),
        (b" " * (MAX_BYTES + 1), "corrupt"),
        (b"{}", "forged"),
        (b'{"mac": 5}', "forged"),
        (b'{"mac": "\\ud800"}', "forged"),
        (seal(make_sticker(RECORD), b"another key"), "forged"),
        (json.dumps(json.loads(seal(make_sticker(RECORD), KEY))).encode(), "corrupt"),
        (seal(make_sticker(_record((_wish("rel-2", document="db"), "committed"), document="db")), KEY), "forged"),
        (_resealed({"deployment": "none"}), "forged"),
    ],
)
def test_what_is_no_sticker_of_ours_is_named(content: bytes, state: StickerState) -> None:
    assert _judge(content) == state


def test_a_missing_reading_is_unknown_and_an_unreadable_file_corrupt() -> None:
    assert judge(None, RECORD, NEW, KEY) == "unknown"
    assert judge(StickerReading(fact="absent"), RECORD, NEW, KEY) == "absent"
    assert judge(StickerReading(fact="unreadable", problem="a folder"), RECORD, NEW, KEY) == "corrupt"


@given(st.data())
def test_a_sticker_with_any_byte_changed_is_never_current(data: st.DataObject) -> None:
    content = bytearray(seal(make_sticker(RECORD), KEY))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert _judge(bytes(content)) in {"corrupt", "forged"}


@given(st.binary(max_size=300))
def test_judging_never_raises(content: bytes) -> None:
    assert _judge(content) in {"corrupt", "forged"}


@given(actor=HARD, release=HARD, name=HARD)
def test_any_text_comes_back_byte_for_byte(actor: str, release: str, name: str) -> None:
    desired = replace(NEW, release=Release(release, name))
    record = _record((desired, "committed"), actor=actor)
    content = seal(make_sticker(record), KEY)
    assert content.isascii()
    assert json.loads(content)["deployment"]["actor"] == actor
    assert json.loads(content)["release"]["name"] == name
    assert _judge(content, record) == "current"


def test_a_project_is_replaced_as_compose_does() -> None:
    service = Service(name="web", image=NEW.image, config=ContainerConfig())
    project = Project(name="shop", directory="/srv/shop", lock=artifact("lock", b""), services=(service,))
    wish = replace(NEW, kind="ComposeProject", project=project)
    deployment = make_sticker(_record((wish, "committed")))["deployment"]
    assert (deployment["kind"], deployment["strategy"]) == ("ComposeProject", "compose")
