from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.core.desired import DesiredState
from reconciler.sources.artifacts import reading_in
from reconciler.spec.problem import Wrong
from tests.sources.conftest import Desk
from tests.spec.locks import LOCK_PATH, lock, project
from tests.spec.texts import text

MOUNT = "volumes: ['./nginx.conf:/etc/nginx.conf:ro']"
CONFIG = "configFiles: [shop/nginx.conf]"


def shop_in_force(desk: Desk) -> DesiredState:
    documents = desk.load().documents
    assert [item.name for item in documents] == ["shop"]
    return documents[0]


def write_shop(desk: Desk) -> DesiredState:
    desk.write("shop.yaml", project(config=CONFIG))
    desk.write(LOCK_PATH, lock(MOUNT))
    desk.write("shop/nginx.conf", "listen 80;")
    assert desk.told() == []
    return shop_in_force(desk)


def test_a_project_has_the_files_that_lie_beside_its_document(desk: Desk) -> None:
    desired = write_shop(desk)
    assert desired.project is not None
    assert [item.content for item in desired.project.files] == [b"listen 80;"]
    assert desk.load() is desk.load()


@pytest.mark.parametrize(
    ("name", "content"), [(LOCK_PATH, lock(MOUNT + "\nuser: www\n")), ("shop/nginx.conf", "listen 81;")]
)
def test_a_change_of_a_file_beside_alone_is_a_new_wish(desk: Desk, name: str, content: str) -> None:
    before = write_shop(desk)
    loaded = desk.load()
    desk.write(name, content, age=50)
    assert shop_in_force(desk).fingerprint != before.fingerprint
    assert desk.load() is not loaded
    assert desk.load() is desk.load()


def test_a_file_that_is_gone_or_broken_keeps_the_last_good_project_in_force(desk: Desk) -> None:
    before = write_shop(desk)
    (desk.folder / "shop/nginx.conf").unlink()
    assert shop_in_force(desk) is before
    assert desk.told() == [
        'shop.yaml:9:19: spec.config.configFiles[0]: "shop/nginx.conf" cannot be read: No such file or directory'
    ]
    assert desk.load().unknown_files == ("shop.yaml",)
    desk.write("shop/nginx.conf", "listen 80;")
    desk.write(LOCK_PATH, "services: {web: {image: web}}")
    assert shop_in_force(desk) is before
    assert desk.told()[0].startswith("shop/compose.stella.lock.yml:1:25: services.web.image: ")
    desk.restart(remember={"shop.yaml": (before,)})
    assert shop_in_force(desk) == before


def test_a_link_out_of_the_folder_is_not_read(desk: Desk, tmp_path: Path) -> None:
    write_shop(desk)
    (tmp_path / "secret").write_text("x")
    (desk.folder / "shop/nginx.conf").unlink()
    (desk.folder / "shop/nginx.conf").symlink_to(tmp_path / "secret")
    assert "is a link that leaves the folder" in desk.told()[0]


def test_a_link_that_stays_inside_is_followed_and_a_pipe_is_not_read(desk: Desk) -> None:
    before = write_shop(desk)
    desk.write("shop/real.conf", "listen 80;")
    (desk.folder / "shop/nginx.conf").unlink()
    (desk.folder / "shop/nginx.conf").symlink_to("real.conf")
    assert desk.told() == []
    assert shop_in_force(desk) == before
    (desk.folder / "shop/nginx.conf").unlink()
    os.mkfifo(desk.folder / "shop/nginx.conf")
    assert desk.told()[0].endswith('"shop/nginx.conf" is not a regular file')


def test_a_file_that_is_being_written_waits(desk: Desk) -> None:
    before = write_shop(desk)
    count = 0

    def more() -> None:
        nonlocal count
        count += 1
        desk.write("shop/nginx.conf", f"listen {count};", age=0)

    desk.during_sleep = more
    desk.write("shop/nginx.conf", "listen", age=0)
    assert shop_in_force(desk) is before
    assert "is being written to" in desk.told()[0]


def test_compose_files_and_files_that_documents_name_are_no_documents(desk: Desk) -> None:
    desk.write("web.yaml", text("web"))
    desk.write("compose.yaml", "services: {}")
    desk.write("docker-compose.override.yml", "services: {}")
    desk.write("other.lock.yaml", "services: {}")
    desk.write("shop.yaml", project(config="configFiles: [shop/prometheus.yml]"))
    desk.write(LOCK_PATH, lock("volumes: ['./prometheus.yml:/p.yml:ro']"))
    desk.write("shop/prometheus.yml", "scrape_configs: []")
    assert desk.told() == []
    assert desk.names() == ["shop", "web"]


def test_files_beside_documents_are_read_at_once_for_a_single_command(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("inner")
    (tmp_path / "x").write_text("outer")
    read = reading_in({"": tmp_path, "deep/": tmp_path / "a"})
    assert (read("deep/x"), read("x")) == (b"inner", b"outer")
    with pytest.raises(Wrong, match="No such file"):
        read("y")
