"""What we ship is a wheel: the program in it works without the checkout, schemas included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from reconciler import __version__ as VERSION  # noqa: N812 -- a constant of ours
from reconciler.web.assets import load_assets

ROOT = Path(__file__).parent.parent

# Prints where the package lies and the schemas as the installed package finds them.
_LOOK = """
import json, sys
from pathlib import Path
import reconciler
from reconciler.spec.schema import schema
print(json.dumps({"package": reconciler.__file__, "schemas": {name: schema(name) for name in sys.argv[1:]}}))
"""


def run(*argv: str, cwd: Path, path: Path | None = None) -> str:
    # the copy is not what coverage is about
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHONPATH", "COVERAGE_"))
    }
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout by the environment's own hatchling: no network."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the installed wheel; the dependencies come from the environment."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    run(*pip, "--target", str(folder), str(wheel), cwd=folder)
    return folder


def test_the_wheel_has_the_package_and_the_schemas_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"reconciler", f"reconciler-{VERSION}.dist-info"}
    shipped = {Path(name).name for name in names if name.startswith("reconciler/schemas/")}
    assert shipped == {path.name for path in (ROOT / "schemas").iterdir()}
    assert set(load_assets()) == {Path(name).name for name in names if name.startswith("reconciler/web/assets/")}


def test_the_installed_package_reads_its_own_schemas(installed: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (ROOT / "schemas").iterdir())
    found = json.loads(run(sys.executable, "-c", _LOOK, *names, cwd=tmp_path, path=installed))
    assert Path(found["package"]).is_relative_to(installed)
    assert sorted(found["schemas"]) == names
    for name, content in found["schemas"].items():
        assert content == json.loads((ROOT / "schemas" / name).read_text())
    assert not (installed.parent / "schemas").exists(), "there is no checkout beside it to read from"


def test_the_installed_program_tells_its_version(installed: Path, tmp_path: Path) -> None:
    assert VERSION in run(sys.executable, "-m", "reconciler", "--version", cwd=tmp_path, path=installed)
    assert VERSION in run(str(installed / "bin/reconciler"), "--version", cwd=tmp_path, path=installed)
