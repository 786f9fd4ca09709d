"""What a playground begins with: whatever is tried there stays there."""

from __future__ import annotations

import subprocess
from dataclasses import astuple
from pathlib import Path

import pytest

from reconciler.config import load_settings
from reconciler.credentials.identities import Identities
from reconciler.credentials.logins import Logins
from tests.spec.texts import text
from tools.playground import laid_out


def test_a_playground_takes_more_than_one_document(tmp_path: Path) -> None:
    with laid_out(tmp_path, engine="unix:///none", registry="127.0.0.1:1") as playground:
        for name in ("web", "api"):
            (tmp_path / "desired" / f"{name}.yaml").write_text(text(name))
        done = subprocess.run(
            ["reconciler", "validate"],
            cwd=tmp_path,
            env=playground.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "2 documents good\n"), done.stdout


@pytest.mark.parametrize("root", [True, False])
def test_no_setting_leads_out_of_a_playground(tmp_path: Path, *, root: bool) -> None:
    """Also where the machine has files of its own in /etc/reconciler: none of them is asked."""
    with laid_out(tmp_path, engine="unix:///none", registry="127.0.0.1:1") as playground:
        settings = load_settings({}, environment=playground.environment, folder=tmp_path, file=None, root=root)
        places = {tmp_path / path for path in astuple(settings) if isinstance(path, Path)}
        assert settings.secrets_dir.is_dir()
        assert {path for path in places if not path.is_relative_to(tmp_path)} == {settings.secrets_dir}
        assert settings.listen.startswith("127.0.0.1:")
        identities = Identities(settings.identity)
        assert Logins(settings.registry_credentials, needed=True, open_sealed=identities.open).entries() == ()
    assert not settings.secrets_dir.exists()
