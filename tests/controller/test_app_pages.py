"""The status page put together from settings: what is asked for, and what is wrong with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from reconciler.config import Settings, load_settings
from reconciler.controller.app.opening import open_parts
from reconciler.controller.app.pages import encrypted, make_site
from reconciler.controller.board import Board
from reconciler.errors import InvalidSettings
from reconciler.web.live import Live
from reconciler.web.opening import read_token
from reconciler.web.routes import Asked
from reconciler.web.site import Site
from tests.controller.told import told_lines

TOKEN = "0123456789abcdef0123456789abcdef"


def settings(folder: Path, **flags: str) -> Settings:
    """Settings of a host without an engine."""
    (folder / "desired").mkdir(exist_ok=True)
    own = {
        "state-dir": str(folder / "state"),
        "desired": str(folder / "desired"),
        "secrets-dir": str(folder / "secrets"),
        "engine": f"unix://{folder}/nobody.sock",
    }
    said = {name.replace("_", "-"): value for name, value in flags.items()}
    return load_settings({**own, **said}, environment={}, folder=folder, file=None, root=False)


def token_file(folder: Path, text: str = TOKEN, mode: int = 0o600) -> str:
    path = folder / "token"
    path.write_text(f"{text}\n")
    path.chmod(mode)
    return str(path)


def site(wanted: Settings) -> Site:
    async def made() -> Site:
        with open_parts(wanted, exclusive=False, actor=lambda _: "test") as parts:
            board = Board(parts.history, lambda: 0.0, monotonic=lambda: 0.0, silent_s=1.0)
            return make_site(wanted, parts, board, Live())

    return asyncio.run(made())


def test_on_the_loopback_address_nothing_is_asked_for(tmp_path: Path) -> None:
    made = site(settings(tmp_path, target="host-a", web_names="status.example.com"))
    assert (made.access.possible, made.access.guarded, made.secure) == (True, False, False)
    assert made.layout.host == "host-a"
    assert {"localhost", "127.0.0.1", "status.example.com"} <= made.names
    status, page = made.routes["/"](made.layout, Asked({}, {}))
    assert status == 200
    assert "host-a" in page


def test_elsewhere_without_a_guard_it_is_not_served_and_the_log_says_so(tmp_path: Path) -> None:
    with told_lines() as lines:
        assert not site(settings(tmp_path, listen="[::]:9464")).access.possible
    assert [line["event"] for line in lines] == ["the status page is not served"]


def test_elsewhere_a_token_guards_it_and_one_that_is_not_encrypted_is_told(tmp_path: Path) -> None:
    with told_lines() as lines:
        made = site(settings(tmp_path, listen="192.0.2.1:9464", web_token_file=token_file(tmp_path)))
    assert made.access.right(TOKEN)
    assert [line["event"] for line in lines] == ["the token of the status page is not encrypted on its way"]


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("short", 0o600, "at least 20"),
        ("with a space in the middle", 0o600, "at least 20"),
        ("one-line-of-the-token\nand-another-line-of-it", 0o600, "at least 20"),
        (TOKEN, 0o644, "others than its owner can read"),
    ],
)
def test_a_token_that_is_none_is_refused_and_not_repeated(
    tmp_path: Path, text: str, mode: int, message: str
) -> None:
    with pytest.raises(InvalidSettings, match=message) as caught:
        read_token(Path(token_file(tmp_path, text, mode)))
    assert text not in str(caught.value)
    assert "openssl rand -hex 32" in caught.value.hint


def test_a_token_that_is_not_there_is_told_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="is not there") as caught:
        read_token(tmp_path / "none")
    assert "openssl rand" in caught.value.hint
    assert read_token(None) is None


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with files that fit."""
    folder, authority = tmp_path_factory.mktemp("papers"), trustme.CA()
    server = authority.issue_cert("localhost")
    files = {
        "web_key": server.private_key_pem,
        "web_certificate": server.cert_chain_pems[0],
        "web_client_ca": authority.cert_pem,
    }
    for name, content in files.items():
        content.write_to_path(str(folder / name))
    return {name: str(folder / name) for name in files}


def test_a_certificate_with_its_key_is_served_with(tmp_path: Path, papers: dict[str, str]) -> None:
    assert encrypted(settings(tmp_path)) is None
    context = encrypted(settings(tmp_path, **papers))
    assert context is not None
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("name", ["web_key", "web_certificate", "web_client_ca"])
def test_one_setting_without_the_others_is_refused(tmp_path: Path, papers: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidSettings, match=r"only one of|without TLS"):
        encrypted(settings(tmp_path, **{name: papers[name]}))


@pytest.mark.parametrize("name", ["web_key", "web_certificate", "web_client_ca"])
@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nx\n", "another"])
def test_a_file_that_does_not_fit_is_named(
    tmp_path: Path, papers: dict[str, str], name: str, content: str | None
) -> None:
    path = tmp_path / "file.pem"
    if content == "another":
        trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(str(path))
    elif content is not None:
        path.write_text(content)
    with pytest.raises(InvalidSettings, match=r"file\.pem") as caught:
        encrypted(settings(tmp_path, **{**papers, name: str(path)}))
    assert "PEM" in caught.value.hint
