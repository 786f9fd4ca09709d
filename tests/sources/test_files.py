from __future__ import annotations

import os
import shutil
import time

import pytest

from reconciler.core.desired import DesiredState
from tests.sources.conftest import Desk
from tests.spec.texts import defaults, text

BROKEN = "a: ["


def releases(desk: Desk) -> dict[str, str]:
    return {item.name: item.release.id for item in desk.load().documents}


def test_documents_of_all_files_are_in_force_by_name(desk: Desk) -> None:
    desk.write("z.yaml", text("api"))
    desk.write("sub/a.yml", text("web") + "---\n" + text("db"))
    loaded = desk.load()
    assert [item.name for item in loaded.documents] == ["api", "db", "web"]
    assert [str(item.source) for item in loaded.documents] == ["z.yaml:1", "sub/a.yml:9", "sub/a.yml:1"]
    assert (loaded.problems, loaded.unknown_files, loaded.complete) == ((), (), True)


def test_only_documents_for_the_target_or_for_none_are_in_force(desk: Desk) -> None:
    desk.write("a.yaml", text("here", meta=", target: host-a") + "---\n" + text("all"))
    desk.write("b.yaml", text("there", meta=", target: host-b", config="containerName: here"))
    assert desk.names() == ["all"]
    desk.restart(target="host-a")
    assert desk.names() == ["all", "here"]
    assert {name: len(group) for name, group in desk.source.good_by_file().items()} == {"a.yaml": 2, "b.yaml": 0}


def test_nothing_is_parsed_while_nothing_changes(desk: Desk) -> None:
    desk.write("a.yaml", text())
    first = desk.load()
    desk.now = time.time() + 100
    assert desk.load() is first
    assert desk.load() is first
    desk.now += 120
    assert desk.load() is first, "read again, and found to say the same"


def test_an_edit_a_new_file_and_a_removal_are_seen(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    assert releases(desk) == {"web": "rel-1"}
    desk.write("a.yaml", text("web", release="rel-2"))
    desk.write("b.yaml", text("api"))
    assert releases(desk) == {"api": "rel-1", "web": "rel-2"}
    (desk.folder / "a.yaml").unlink()
    loaded = desk.load()
    assert [item.name for item in loaded.documents] == ["api"]
    assert (loaded.unknown_files, loaded.complete) == ((), True)
    assert list(desk.source.good_by_file()) == ["b.yaml"]


@pytest.mark.parametrize(
    "content",
    [BROKEN, "", "   \n", text()[:60], text() + "\0", b"\xff", text(config="memoryLimit: 1Mi"), text(spec="x: 1")],
)
def test_a_broken_file_keeps_its_last_good_documents_and_stops_no_other(desk: Desk, content: str | bytes) -> None:
    desk.write("a.yaml", text("web") + "---\n" + text("db"))
    desk.write("b.yaml", text("api"))
    desk.load()
    good = desk.source.good_by_file()
    desk.write("a.yaml", content)
    desk.write("b.yaml", text("api", release="rel-2"))
    loaded = desk.load()
    assert releases(desk) == {"api": "rel-2", "db": "rel-1", "web": "rel-1"}
    assert loaded.unknown_files == ("a.yaml",)
    assert loaded.complete
    assert {problem.file for problem in loaded.problems} == {"a.yaml"}
    assert desk.source.good_by_file()["a.yaml"] is good["a.yaml"]
    desk.write("a.yaml", text("web", release="rel-3"))
    assert releases(desk) == {"api": "rel-2", "web": "rel-3"}
    assert desk.told() == []


def test_last_good_documents_survive_a_restart(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    desk.write("b.yaml", text("api"))
    desk.load()
    desk.write("a.yaml", BROKEN)
    remembered = desk.source.good_by_file()
    desk.restart(remembered)
    assert desk.names() == ["api", "web"]
    assert desk.load().unknown_files == ("a.yaml",)
    assert desk.source.good_by_file() == remembered


def test_a_broken_file_of_which_nothing_is_known_stops_nobody(desk: Desk) -> None:
    desk.write("a.yaml", BROKEN)
    desk.write("b.yaml", text("api"))
    assert desk.names() == ["api"]
    assert desk.load().unknown_files == ("a.yaml",)
    assert "a.yaml" not in desk.source.good_by_file()


def test_a_removed_file_takes_its_documents_with_it_even_if_it_was_broken(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    desk.write("b.yaml", text("api"))
    desk.load()
    desk.write("a.yaml", BROKEN)
    desk.load()
    (desk.folder / "a.yaml").unlink()
    assert desk.names() == ["api"]
    assert desk.load().complete


@pytest.mark.parametrize("how", ["emptied", "removed", "replaced by a file"])
def test_a_folder_that_is_gone_or_empty_changes_nothing_and_is_not_complete(desk: Desk, how: str) -> None:
    desk.write("a.yaml", text("web"))
    desk.load()
    good = desk.source.good_by_file()
    shutil.rmtree(desk.folder)
    if how == "emptied":
        desk.folder.mkdir()
    elif how != "removed":
        desk.folder.write_text("x")
    loaded = desk.load()
    assert [item.name for item in loaded.documents] == ["web"]
    assert (loaded.unknown_files, loaded.complete) == (("a.yaml",), False)
    assert [problem.level for problem in loaded.problems] == ["warning" if how == "emptied" else "error"]
    assert desk.source.good_by_file() == good
    desk.restart(good)
    assert desk.names() == ["web"], "after a restart too"


def test_an_empty_folder_that_never_held_anything_has_no_documents(desk: Desk) -> None:
    loaded = desk.load()
    assert (loaded.documents, loaded.unknown_files, loaded.complete) == ((), (), False)
    assert [problem.message for problem in loaded.problems] == ["the folder is empty"]


def test_files_of_a_sub_folder_that_cannot_be_listed_are_unknown(desk: Desk) -> None:
    desk.write("sub/a.yaml", text("web"))
    desk.write("b.yaml", text("api"))
    desk.load()
    shutil.rmtree(desk.folder / "sub")
    (desk.folder / "sub").symlink_to("/nowhere")
    loaded = desk.load()
    assert [item.name for item in loaded.documents] == ["api", "web"]
    assert (loaded.unknown_files, loaded.complete) == (("sub/a.yaml",), False)


def test_a_file_that_turns_into_something_strange_keeps_its_documents(desk: Desk) -> None:
    path = desk.write("a.yaml", text("web"))
    desk.load()
    path.unlink()
    os.mkfifo(path)
    loaded = desk.load()
    assert [item.name for item in loaded.documents] == ["web"]
    assert loaded.unknown_files == ("a.yaml",)
    assert desk.told() == ["a.yaml:1:1: is not a regular file"]


def test_a_half_written_file_is_not_taken_until_it_rests(desk: Desk) -> None:
    whole = text("web") + "---\n" + text("db")
    path = desk.write("a.yaml", whole[:130], age=0.0)
    desk.write("b.yaml", text("api"))
    written = iter([200, 300])
    desk.during_sleep = lambda: path.write_text(whole[: next(written, None)])
    assert desk.names() == ["api", "db", "web"]
    assert len(desk.slept) == 4


def test_a_file_that_does_not_come_to_rest_stays_as_it_was(desk: Desk) -> None:
    path = desk.write("a.yaml", text("web"))
    desk.load()
    desk.write("a.yaml", text("web", release="rel-2"), age=0.0)
    desk.during_sleep = lambda: path.write_text(path.read_text() + "#")
    loaded = desk.load()
    assert [item.release.id for item in loaded.documents] == ["rel-1"]
    assert loaded.unknown_files == ("a.yaml",)
    assert str(loaded.problems[0]).startswith("a.yaml:1:1: is being written to")


def test_documents_that_collide_are_refused_and_the_last_good_ones_stay(desk: Desk) -> None:
    desk.write("a.yaml", text("web", config='ports: ["80:80"]'))
    desk.write("b.yaml", text("api"))
    desk.load()
    desk.write("b.yaml", text("api", config='ports: ["80:80"]') + "---\n" + text("db"))
    loaded = desk.load()
    assert {item.name: item.config.ports for item in loaded.documents}["api"] is None
    assert [item.name for item in loaded.documents] == ["api", "db", "web"]
    assert desk.told() == [
        'a.yaml:9:12: spec.config.ports: host port 80/tcp is also used by "api" (b.yaml:1)',
        'b.yaml:9:12: spec.config.ports: host port 80/tcp is also used by "web" (a.yaml:1)',
    ]
    assert [item.name for item in desk.source.good_by_file()["b.yaml"]] == ["api", "db"]


def test_a_collision_that_comes_of_the_defaults_names_them(desk: Desk) -> None:
    desk.write("defaults.yaml", defaults("{sticker: {path: /srv/version.json}}"))
    desk.write("a.yaml", text("web"))
    desk.write("b.yaml", text("api"))
    assert desk.names() == []
    assert len(desk.told()) == 2
    assert all("(from the Defaults in defaults.yaml:" in told for told in desk.told())


def test_one_name_in_two_files_keeps_the_document_where_it_was(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    desk.load()
    desk.write("b.yaml", text("web", release="rel-2"))
    assert releases(desk) == {"web": "rel-1"}
    assert len(desk.told()) >= 2
    assert sum(len(group) for group in desk.source.good_by_file().values()) == 1
    (desk.folder / "a.yaml").unlink()
    assert releases(desk) == {"web": "rel-2"}


def test_a_document_may_move_from_file_to_file(desk: Desk) -> None:
    desk.write("a.yaml", text("web") + "---\n" + text("db"))
    desk.load()
    desk.write("a.yaml", text("db"))
    desk.write("b.yaml", text("web", release="rel-2"))
    assert releases(desk) == {"db": "rel-1", "web": "rel-2"}
    assert desk.told() == []


def test_a_document_that_moved_to_a_file_from_one_that_broke_is_not_taken_twice(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    desk.load()
    desk.write("a.yaml", BROKEN)
    desk.write("b.yaml", text("web", release="rel-2"))
    assert releases(desk) == {"web": "rel-1"}


def test_unchanged_documents_are_remembered_as_the_same_object(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    desk.write("b.yaml", text("api"))
    desk.load()
    before = desk.source.good_by_file()
    desk.write("b.yaml", text("api", release="rel-2"))
    desk.load()
    after = desk.source.good_by_file()
    assert after["a.yaml"] is before["a.yaml"]
    assert after["b.yaml"] is not before["b.yaml"]
    desk.write("a.yaml", "# moved down\n" + text("web"))
    desk.load()
    assert str(desk.source.good_by_file()["a.yaml"][0].source) == "a.yaml:2"


def memory(desk: Desk) -> dict[str, int | None]:
    return {item.name: item.config.memory_bytes for item in desk.load().documents}


def test_defaults_are_merged_under_documents_of_every_file_and_follow_edits(desk: Desk) -> None:
    desk.write("d.yaml", defaults("config: {memoryLimit: 64Mi}"))
    desk.write("a.yaml", text("web"))
    assert memory(desk) == {"web": 64 * 2**20}
    desk.write("d.yaml", defaults("config: {memoryLimit: 32Mi}"))
    assert memory(desk) == {"web": 32 * 2**20}
    (desk.folder / "d.yaml").unlink()
    assert memory(desk) == {"web": None}


@pytest.mark.parametrize(
    "content", [BROKEN, "", defaults("config: {memoryLimit: 1Mi}"), defaults() + "---\n" + defaults()]
)
def test_broken_defaults_stay_in_force_as_they_were_and_edits_go_on(desk: Desk, content: str) -> None:
    desk.write("d.yaml", defaults("config: {memoryLimit: 64Mi}"))
    desk.write("a.yaml", text("web"))
    desk.load()
    desk.write("d.yaml", content)
    desk.write("a.yaml", text("web", release="rel-2"))
    assert memory(desk) == {"web": 64 * 2**20}
    assert releases(desk) == {"web": "rel-2"}
    assert desk.load().unknown_files == ("d.yaml",)
    assert desk.told()


@pytest.mark.parametrize("content", ["", defaults() + "x: [", defaults("config: {memoryLimit: 1Mi}")])
def test_after_a_restart_with_broken_defaults_everything_stays_as_it_was(desk: Desk, content: str) -> None:
    desk.write("d.yaml", defaults("config: {memoryLimit: 64Mi}"))
    desk.write("a.yaml", text("web"))
    desk.write("comments.yaml", "# nothing\n")
    desk.load()
    desk.write("d.yaml", content)
    desk.restart({"a.yaml": desk.source.good_by_file()["a.yaml"]})
    desk.write("a.yaml", text("web", release="rel-2"))
    assert memory(desk) == {"web": 64 * 2**20}
    assert releases(desk) == {"web": "rel-1"}
    assert desk.load().unknown_files == ("a.yaml", "d.yaml")
    desk.write("d.yaml", defaults("config: {memoryLimit: 32Mi}"))
    assert memory(desk) == {"web": 32 * 2**20}
    assert releases(desk) == {"web": "rel-2"}


def test_a_strange_file_is_no_reason_to_wait_for_defaults(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    desk.load()
    (desk.folder / "out.yaml").symlink_to("/etc/hostname")
    desk.restart(desk.source.good_by_file())
    desk.write("a.yaml", text("web", release="rel-2"))
    assert releases(desk) == {"web": "rel-2"}


def test_an_unreadable_new_file_could_hold_defaults_after_a_restart(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.yaml", text("web"))
    desk.load()
    desk.restart(desk.source.good_by_file())
    desk.write("d.yaml", "x", age=-10.0)
    writes = iter(range(100))
    desk.during_sleep = lambda: (desk.folder / "d.yaml").write_text(str(next(writes)))
    desk.write("a.yaml", text("web", release="rel-2"))
    assert releases(desk) == {"web": "rel-1"}


def test_a_wrong_value_shows_only_with_the_defaults_and_stops_its_file(desk: Desk) -> None:
    desk.write("a.yaml", text("web", config="tmpfs: [/x]"))
    desk.load()
    desk.write("d.yaml", defaults("config: {volumes: [data:/x]}"))
    loaded = desk.load()
    assert [item.config.mounts for item in loaded.documents] == [None]
    assert loaded.unknown_files == ("a.yaml",)
    assert "(from the Defaults in d.yaml:4:21)" in desk.told()[0]


def test_warnings_do_not_make_a_file_unknown(desk: Desk) -> None:
    desk.write("a.yaml", text("web", config='ports: ["80:80"]', spec="strategy: {order: start-first}"))
    assert desk.names() == ["web"]
    assert desk.load().unknown_files == ()
    assert "warning" in desk.told()[0]


def documents(count: int) -> dict[str, str]:
    return {
        f"{number % 20}/{number}.yaml": text(f"web{number}", config=f'ports: ["{10_000 + number}:80"]')
        for number in range(count)
    }


def test_a_thousand_unchanged_documents_are_neither_read_nor_parsed_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in documents(1000).items():
        desk.write(name, content)
    first = desk.load()
    assert len(first.documents) == 1000
    desk.now = time.time() + 50
    desk.load()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("an unchanged file was looked into")

    monkeypatch.setattr("reconciler.sources.files.read_documents", never)
    monkeypatch.setattr("os.read", never)
    assert desk.load() is first


def test_remembered_documents_are_what_was_loaded(desk: Desk) -> None:
    desk.write("a.yaml", text("web"))
    loaded: tuple[DesiredState, ...] = desk.load().documents
    assert desk.source.good_by_file() == {"a.yaml": loaded}
