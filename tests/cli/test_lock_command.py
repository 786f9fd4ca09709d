"""``lock``: what an author gives, what is written, what is refused and where. With the real Compose."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.image import short_digest
from reconciler.errors import ImageNotFound
from tests.cli.recorded import Ran, RecordedService, run

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ROOT = Path(__file__).parents[2]
COMPOSE = """\
name: shop
services:
  web:
    image: reg/web:${TAG:-1}
    volumes: ["./conf/nginx.conf:/etc/nginx.conf:ro"]
  db:
    image: reg/db
    profiles: [data]
"""


def shop(folder: Path, text: str = COMPOSE) -> Path:
    (folder / "shop" / "conf").mkdir(parents=True)
    (folder / "shop" / "compose.yaml").write_text(text)
    (folder / "shop" / "conf" / "nginx.conf").write_text("events {}\n")
    return folder / "shop"


def lock(
    folder: Path, *arguments: str, web: str = OLD, environment: dict[str, str] | None = None, **more: Any
) -> Ran:
    service = RecordedService(digests={"reg/web:1": web, "reg/web:2": NEW, "reg/db:latest": NEW}, **more)
    around = {"PATH": os.environ["PATH"], **(environment or {})}
    return run(service, "lock", "shop/compose.yaml", *arguments, folder=folder, environment=around)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_lock_file_is_written_beside_the_compose_file(tmp_path: Path) -> None:
    shop(tmp_path)
    ran = lock(tmp_path)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == "shop/compose.stella.lock.yml"
    text = (tmp_path / "shop" / "compose.stella.lock.yml").read_text()
    assert f"    image: reg/web@{OLD}  # reg/web:1\n" in text
    assert "#   reconciler lock compose.yaml -o compose.stella.lock.yml\n" in text
    assert "reg/db" not in text
    assert lock(tmp_path).out.endswith("(as it was)\n")


def test_profiles_and_the_environment_are_the_authors(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "more.env").write_text("TAG=2\n")
    ran = lock(tmp_path, "--profile", "data", "--env-file", "more.env", "-o", "-")
    assert f"image: reg/web@{NEW}  # reg/web:2\n" in ran.out
    assert f"image: reg/db@{NEW}  # reg/db\n" in ran.out
    assert "reconciler lock compose.yaml --profile data --env-file ../more.env -o" in ran.out
    assert 'file: "../more.env"' in ran.out
    assert not (tmp_path / "shop" / "compose.stella.lock.yml").exists()
    assert f"reg/web@{NEW}" in lock(tmp_path, "-o", "-", environment={"TAG": "2"}).out


def test_a_document_is_begun_and_then_kept_up(tmp_path: Path) -> None:
    shop(tmp_path)
    begun = lock(tmp_path, "--document", "shop.yaml")
    assert "written nowhere" in begun.err
    assert not (tmp_path / "shop.yaml").exists()
    (tmp_path / "shop.yaml").write_text(begun.out.replace("rel-1", "r9") + "# the end\n")
    assert run(RecordedService(), "validate", str(tmp_path), folder=tmp_path).status == 0
    assert lock(tmp_path, "--document", "shop.yaml", web=NEW).status == 0
    text = (tmp_path / "shop.yaml").read_text()
    assert f"web: {NEW}" in text
    assert "r9" in text
    assert text.endswith("# the end\n")
    assert run(RecordedService(), "validate", str(tmp_path), folder=tmp_path).status == 0


def test_the_release_is_named_in_the_same_write_as_its_digests(tmp_path: Path) -> None:
    shop(tmp_path)
    begun = lock(tmp_path, "--document", "shop.yaml", "--release", "1.0").out
    assert "release: {id: '1.0'}" in begun.replace('"', "'")
    (tmp_path / "shop.yaml").write_text(begun)
    lock(tmp_path, "--document", "shop.yaml", "--release", "rel-2", web=NEW)
    text = (tmp_path / "shop.yaml").read_text()
    assert 'release: {id: "rel-2"}' in text
    assert f"web: {NEW}" in text
    assert lock(tmp_path, "--release", "rel-3").status == 64


def test_a_secret_that_will_be_readable_in_the_lock_file_is_told(tmp_path: Path) -> None:
    text = COMPOSE.replace(
        "    volumes", "    environment: {DB_PASSWORD: hunter22, LEVEL: info, TOKEN: ''}\n    volumes"
    )
    shop(tmp_path, text)
    told = lock(tmp_path).err
    assert "service web: DB_PASSWORD will be in the lock file in clear text" in told
    assert "hunter22" not in told
    assert "TOKEN" not in told


def test_json_tells_everything(tmp_path: Path) -> None:
    shop(tmp_path)
    assert json.loads(lock(tmp_path, "--json").out) == {
        "version": 1,
        "lock": "shop/compose.stella.lock.yml",
        "changed": True,
        "images": {"web": "reg/web:1"},
        "expectedDigests": {"web": OLD},
        "configFiles": [{"name": "nginx.conf", "source": "shop/conf/nginx.conf"}],
        "notes": [],
    }


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "./conf/nginx.conf:",
            "./conf:",
            "shop/compose.yaml:5: services.web.volumes.0.source: ./conf is a folder",
        ),
        ("./conf/nginx.conf:", "./gone:", "./gone is not there"),
        ("./conf/nginx.conf:", "/dev/null:", ""),
        ("    image: reg/web:${TAG:-1}", "    build: .", "services.web.image: is built here"),
        ("    image:", "    external_links: [a]\n    credential_spec: {file: a}\n    image:", "services.web"),
        ("services:", "servces:", "docker compose config refuses it"),
        ("${TAG:-1}", "${TAG:?which one}", "which one"),
    ],
)
def test_what_cannot_be_locked_is_refused_where_it_is_written(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    shop(tmp_path, COMPOSE.replace(before, after))
    ran = lock(tmp_path)
    assert ran.status == (1 if message else 0)
    assert message in ran.err
    assert (tmp_path / "shop" / "compose.stella.lock.yml").exists() == (not message)


def test_a_secret_of_the_environment_lies_beside_the_lock_file_for_its_owner_alone(tmp_path: Path) -> None:
    folder = shop(tmp_path, COMPOSE + "    secrets: [key]\nsecrets: {key: {environment: KEY}}\n")
    assert "it is not set" in lock(tmp_path, "--profile", "data").err
    ran = lock(tmp_path, "--profile", "data", environment={"KEY": "a$b"})
    assert "shop/compose.stella.secret.key is written" in ran.err
    file = folder / "compose.stella.secret.key"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("a$b", 0o600)
    assert "a$b" not in ran.out + ran.err


def test_files_above_the_document_are_out_of_its_reach(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "inner").mkdir()
    ran = lock(tmp_path, "--document", "inner/shop.yaml")
    assert ran.status == 1
    assert "../shop/compose.stella.lock.yml is out of reach" in ran.err


def test_a_file_without_a_project_is_no_document_for_it(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "web.yaml").write_text("kind: Container\nmetadata: {name: web}\n")
    assert "has 0 ComposeProject documents" in lock(tmp_path, "--document", "web.yaml").err


def test_the_check_tells_moved_tags_and_changed_sources(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    lock(tmp_path)
    assert lock(tmp_path, "--check").out == "1 tag as locked\n"
    (folder / "compose.yaml").write_text(COMPOSE + "# changed\n")
    moved = lock(tmp_path, "--check", web=NEW)
    assert moved.status == 2
    assert moved.out.splitlines()[1].split() == ["web", "reg/web:1", short_digest(OLD), short_digest(NEW)]
    assert "compose.yaml has changed since" in moved.err
    (folder / "compose.yaml").unlink()
    told = json.loads(lock(tmp_path, "--check", "--json", web=NEW).out)
    assert told["sources"] == ["compose.yaml is gone"]
    assert told["tags"] == [{"service": "web", "reference": "reg/web:1", "locked": OLD, "now": NEW, "moved": True}]


def test_a_check_of_what_is_no_lock_file_is_an_error(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    (folder / "compose.stella.lock.yml").write_text(f"services: {{web: {{image: a@{OLD}}}}}\n")
    assert "does not say what it was made from" in lock(tmp_path, "--check").err
    (folder / "compose.stella.lock.yml").write_text("services: []\n")
    assert lock(tmp_path, "--check").status == 1


def test_a_tag_that_is_not_there_leaves_everything_alone(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    ran = lock(tmp_path, failing=ImageNotFound("reg/web has no tag 1"))
    assert (ran.status, ran.err) == (1, "error: reg/web has no tag 1\n")
    assert not (folder / "compose.stella.lock.yml").exists()


@pytest.mark.parametrize("arguments", [[], ["a", "-o", "-", "--check"], ["a", "-o", "-", "--document", "b"]])
def test_options_that_do_not_go_together_are_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    assert run(RecordedService(), "lock", *arguments, folder=tmp_path).status == 64


def test_included_and_extended_files_are_sources_too(tmp_path: Path) -> None:
    folder = shop(
        tmp_path, "include: [inner/compose.yaml]\nservices: {a: {extends: {file: b.yaml, service: b}}}\n"
    )
    (folder / "inner").mkdir()
    (folder / "inner" / "compose.yaml").write_text("services: {c: {image: reg/web:1, env_file: [c.env]}}\n")
    (folder / "inner" / "c.env").write_text("A=1\n")
    (folder / "b.yaml").write_text("services: {b: {image: reg/web:1, ports: !override []}}\n")
    text = lock(tmp_path, "-o", "-").out
    for file in ("compose.yaml", "b.yaml", "inner/compose.yaml", "inner/c.env"):
        assert f"- file: {file}\n" in text


def test_pin_leads_to_lock(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("kind: ComposeProject\nmetadata: {name: shop}\nspec: {}\n")
    ran = run(RecordedService(), "pin", "shop.yaml", folder=tmp_path)
    assert ran.status == 1
    assert "reconciler lock COMPOSE_FILE --document shop.yaml" in ran.err


def test_the_example_is_what_lock_makes_of_it(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "04-compose"
    assert run(RecordedService(), "validate", str(folder), folder=folder).status == 0
    text = (folder / "shop" / "compose.stella.lock.yml").read_text()
    digests = {
        line.partition("# ")[2]: "sha256:" + line.partition("@sha256:")[2][:64]
        for line in text.splitlines()
        if line.startswith("    image: registry")
    }
    service = RecordedService(digests=digests)
    around = {"PATH": os.environ["PATH"]}
    assert run(service, "lock", "shop/compose.yaml", "-o", "-", folder=folder, environment=around).out == text


def test_only_ordinary_files_of_an_ordinary_size_come_along(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    (folder / "conf" / "nginx.conf").write_bytes(b"x" * (1 << 21))
    assert "is larger than the 1048576 bytes" in lock(tmp_path).err
    (folder / "conf" / "nginx.conf").unlink()
    os.mkfifo(folder / "conf" / "nginx.conf")
    assert "is not a regular file" in lock(tmp_path).err


def test_images_by_digest_need_no_registry(tmp_path: Path) -> None:
    shop(tmp_path, COMPOSE.replace("${TAG:-1}", f"1@{NEW}"))
    ran = lock(tmp_path, failing=ImageNotFound("nobody is to be asked"))
    assert (ran.status, ran.exclusive) == (0, [])
    assert lock(tmp_path, "--check").out == "0 tags as locked\n"


def test_the_project_directory_and_what_compose_warns_of_are_told(tmp_path: Path) -> None:
    shop(tmp_path, COMPOSE.replace("./conf", "./shop/conf") + "    environment: {A: $NONE}\n")
    ran = lock(tmp_path, "--profile", "data", "--project-directory", ".", "-o", "-")
    assert '"NONE" variable is not set' in ran.err
    assert "--project-directory .. -o" in ran.out
    assert 'source: "./nginx.conf"' in ran.out


def test_what_the_reading_side_refuses_is_not_written(tmp_path: Path) -> None:
    folder = shop(tmp_path, COMPOSE + '    scale: 2\n    ports: ["80:80"]\n')
    ran = lock(tmp_path, "--profile", "data")
    assert ran.status == 1
    assert "compose.stella.lock.yml:" in ran.err
    assert not (folder / "compose.stella.lock.yml").exists()


def test_a_compose_that_is_too_old_is_told(tmp_path: Path) -> None:
    shop(tmp_path)
    program = tmp_path / "config" / "cli-plugins" / "docker-compose"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 1.29.2\n")
    program.chmod(0o755)
    ran = lock(tmp_path, environment={"DOCKER_CONFIG": str(tmp_path / "config")})
    assert ran.status == 1
    assert "is Compose 1.29.2, which is too old" in ran.err
