"""What a playground begins with: whatever is tried there stays there."""

from __future__ import annotations

import subprocess
from pathlib import Path

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


def test_no_setting_leads_out_of_a_playground(tmp_path: Path) -> None:
    with laid_out(tmp_path, engine="unix:///none", registry="127.0.0.1:1") as playground:
        told = {key: value for key, value in playground.environment.items() if key.startswith("RECONCILER_")}
        secrets = Path(told.pop("RECONCILER_SECRETS_DIR"))
        assert secrets.is_dir()
        assert told.pop("RECONCILER_LISTEN").startswith("127.0.0.1:")
        assert all(Path(value).is_relative_to(tmp_path) for value in told.values())
    assert not secrets.exists()
