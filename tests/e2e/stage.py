"""The stage of one end-to-end test: a folder of documents, a state directory, a real engine, and two programs.

Drives the program as a person does: YAML files, ``reconciler`` in a process of its own with its settings in the
environment, the real ``docker`` command for what is done by hand. Everything any program said is kept, so that
the oracle can look for secrets in it. What must hold afterwards is the oracle's affair.
"""

from __future__ import annotations

import contextlib
import html
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import docker
from click.testing import CliRunner

import reconciler
from reconciler.cli.failures import guarded
from reconciler.cli.invocation import Invocation
from reconciler.cli.root import cli
from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.core.secret import Secret
from reconciler.credentials import age
from tests.e2e.canary import Place, Plant
from tests.e2e.documents import as_yaml, document, merged
from tests.parts.engine import PrivateEngine
from tests.parts.host import wait_until
from tests.parts.images import PublishedImage
from tests.parts.poller import Poller
from tests.parts.ports import free_port
from tests.parts.standard_images import WEB_PORT, StandardImages
from tests.parts.warm import Process, Programs

SOURCES = Path(reconciler.__file__).parent.parent
IN_MEMORY = Path("/dev/shm")
SOON_S = 20.0
READY_S = 60.0
"""A program that loads all its modules anew, beside many others."""
COMMAND_S = 60.0
Said = subprocess.CompletedProcess[str]


def fetch(url: str) -> str:
    """The page's text, "" while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  (our own loopback address)
            return str(answer.read().decode())
    except (OSError, http.client.HTTPException):  # also one that is stopped in the middle of its answer
        return ""


def unheard(_document: str, _line: str) -> None:
    """Nobody listens to the progress."""


def eventually(what: str, so: Callable[[], object], *, within_s: float = SOON_S) -> None:
    """Wait until it is so; fail, saying what never came."""
    assert wait_until(lambda: bool(so()), seconds=within_s), f"not within {within_s:g} s: {what}"


@contextlib.contextmanager
def killed_at_last(process: Process) -> Iterator[None]:
    """It does not live longer than the block."""
    try:
        yield
    finally:
        process.kill()
        process.wait(SOON_S)


def _text(file: IO[bytes]) -> str:
    """All that is in it."""
    file.seek(0)
    return file.read().decode()


@dataclass(kw_only=True)
class Stage:
    """``name`` is the one document that most tests are about; its container has the same name. ``programs`` are
    warm ones; where it is about how a program starts or what its command line shows, a test takes cold ones.

    ``canary`` stands in its environment as APP_PASSWORD: it may be in the container's environment and in the
    history's copy of the document, and nowhere else.
    """

    folder: Path
    engine: PrivateEngine
    images: StandardImages
    prefix: str
    sdk: docker.APIClient
    programs: Programs
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    canary: str = field(default_factory=lambda: f"canary-{uuid.uuid4().hex}")
    said: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    secrets: Path = field(default_factory=lambda: IN_MEMORY / f"reconciler-{uuid.uuid4().hex[:12]}")
    recipient: str = ""
    plants: list[Plant] = field(default_factory=list)
    began: float = field(default_factory=time.time)
    figures: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.desired.mkdir()
        self.permit()
        self.plant("the password in the document", self.canary, allowed=("history", "environment"))
        self.secrets.mkdir(mode=0o700)
        self.recipient = self.new_identity()

    def new_identity(self) -> str:
        """Give the host another key; what is to be encrypted for it."""
        secret, public = age.new_key()
        self.plant("the key of this host", secret.text())
        self.identity_file.unlink(missing_ok=True)
        self.identity_file.touch(mode=0o600)
        self.identity_file.write_bytes(secret.reveal() + b"\n")
        return public

    def sealed(self, value: str) -> str:
        """A value, encrypted for this host. It is looked for wherever it must not be."""
        self.plant(f"secret {len(self.plants)}", value)
        return age.seal(Secret(value.encode()), [self.recipient])

    def plant(self, name: str, value: str, *, allowed: Collection[Place] = ()) -> None:
        """From now on this value must be found nowhere but where it is allowed."""
        self.plants.append(Plant(name=name, value=value, allowed=frozenset(allowed)))

    def showed(self, figure: str, value: float) -> None:
        """A figure for the report of faults: ``outage_s`` (the longest time nobody answered), ``converged_s``
        (from the end of the fault to converged), ``kills`` (counted by the stage itself).
        """
        self.figures.setdefault(figure, []).append(value)

    def ended(self, status: int | None) -> None:
        """A program ended with this status; one that was killed counts."""
        if status == -signal.SIGKILL:
            self.showed("kills", 1)

    def close(self) -> None:
        """What is in memory is not removed with the stage's folder."""
        shutil.rmtree(self.secrets)

    @property
    def name(self) -> str:
        return f"{self.prefix}-web"

    @property
    def desired(self) -> Path:
        return self.folder / "desired"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def identity_file(self) -> Path:
        return self.folder / "identity.txt"

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"

    def permit(self, **exceptions: Any) -> None:
        """The host's policy: stickers and deployments may lie in this stage's folder; and these exceptions."""
        usual = {"version": 1, "deploymentPaths": [str(self.folder), "/var/stella"]}
        self.policy.write_text(as_yaml({**usual, **exceptions}))
        self.policy.chmod(0o600)

    def sticker(self, name: str = "") -> Path:
        """Where the sticker of a document lies on the host."""
        return self.folder / "stickers" / f"{name or self.name}.json"

    def environment(self, engine: str = "") -> dict[str, str]:
        """For every program on this stage; ``engine``: another way to the engine (a proxy's URL)."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("RECONCILER_")}
        return {
            **inherited,
            "PYTHONPATH": str(SOURCES),
            "RECONCILER_ENGINE": engine or self.engine.url,
            "DOCKER_HOST": self.engine.url,
            "RECONCILER_DESIRED": str(self.desired),
            "RECONCILER_STATE_DIR": str(self.state),
            "RECONCILER_POLICY": str(self.policy),
            "RECONCILER_SECRETS_DIR": str(self.secrets),
            "RECONCILER_IDENTITY": str(self.identity_file),
            "RECONCILER_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "RECONCILER_RESYNC": "30",
            **self.settings,
        }

    def image(self, version: str) -> PublishedImage:
        """The web app's release ``v1``, ``v2`` or ``v3`` (the one that never gets healthy)."""
        found: PublishedImage = getattr(self.images, f"web_{version}")
        return found

    def web(self, version: str, **spec: Any) -> dict[str, Any]:
        """The web app's document at one release: a host port, a secret, a sticker on the host."""
        usual: dict[str, Any] = {
            "config": {
                "ports": [f"127.0.0.1:{self.port}:{WEB_PORT}"],
                "environment": {"APP_PASSWORD": self.canary, "GREETING": "hello"},
            },
            "sticker": {"path": str(self.sticker())},
            "deletionPolicy": "delete",
        }
        return document(self.name, self.image(version), version, **merged(usual, spec))

    def write(self, *documents: Mapping[str, Any] | str, file: str = "web.yaml") -> Path:
        """Put a file in its place in one step, as editors and Git do."""
        path = self.desired / file
        text = documents[0] if isinstance(documents[0], str) else as_yaml(*documents)  # type: ignore[arg-type]
        draft = self.folder / f"{file}.draft"
        draft.write_text(text)
        draft.replace(path)
        return path

    def here(self, *words: str) -> str:
        """What our command line says, run in this process."""
        invocation = Invocation(environment=self.environment(), folder=self.folder)
        with CliRunner().isolation() as (out, err, _):
            guarded(
                lambda: cli.main(list(words), prog_name="reconciler", obj=invocation, standalone_mode=False),
                invocation,
            )
            return out.getvalue().decode() + err.getvalue().decode()

    def reconciler(self, *words: str, engine: str = "", **variables: str) -> Said:
        """Our own command line; ``variables`` are added to its environment."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self._start(*words, out=out, err=err, environment={**self.environment(engine), **variables})
            with killed_at_last(process):
                status = process.wait(COMMAND_S)
            done = Said(["reconciler", *words], status, _text(out), _text(err))
        self.said += [done.stdout, done.stderr]
        self.ended(done.returncode)
        return done

    @contextlib.contextmanager
    def beside(self, *words: str) -> Iterator[Process]:
        """Our own command line, running beside the block; waited for at its end."""
        with Path(os.devnull).open("wb") as nothing:
            process = self._start(*words, out=nothing, err=nothing, environment=self.environment())
        with killed_at_last(process):
            yield process
            process.wait(COMMAND_S)

    def _start(self, *words: str, out: IO[bytes], err: IO[bytes], environment: Mapping[str, str]) -> Process:
        files = {"out": out.fileno(), "err": err.fileno()}
        return self.programs.start(*words, environment=environment, folder=self.folder, **files)

    def apply(self, *words: str, expect: int = 0, **variables: str) -> Said:
        """``reconciler apply``, and its exit status as expected."""
        done = self.reconciler("apply", *words, **variables)
        assert done.returncode == expect, (
            f"apply exits {done.returncode}, not {expect}:\n{done.stdout}{done.stderr}"
        )
        return done

    def deploy(self, version: str, **spec: Any) -> dict[str, Any]:
        """Write the document at a release and apply it; the container's inspect afterwards."""
        self.write(self.web(version, **spec))
        self.apply()
        return self.inspect()

    def deploy_here(self, *versions: str, **spec: Any) -> None:
        """The same in this process, release after release: half as long, for tests that begin after it."""
        settings = load_settings({}, environment=self.environment(), folder=self.folder, file=None, root=True)
        for version in versions:
            self.write(self.web(version, **spec))
            with open_service(settings, exclusive=True) as service:
                (applied,) = service.apply((self.name,), progress=unheard)
            assert applied.outcome == "converged", applied

    def json(self, *words: str, expect: Sequence[int] = (0,)) -> Any:
        """What a command says with ``--json``."""
        done = self.reconciler(*words, "--json")
        assert done.returncode in expect, f"{words} exits {done.returncode}:\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def plan(self, name: str = "") -> dict[str, Any]:
        """One document of ``plan --json``."""
        found: dict[str, Any] = self.json("plan", name or self.name, expect=(0, 2))["documents"][0]
        return found

    def status(self, name: str = "") -> dict[str, Any]:
        """One document of ``status --json``."""
        found: dict[str, Any] = self.json("status", name or self.name, expect=(0, 2))["documents"][0]
        return found

    def history(self, name: str = "") -> dict[str, Any]:
        """``history --json``."""
        found: dict[str, Any] = self.json("history", name or self.name)
        return found

    def docker(self, *words: str) -> str:
        """The real docker command, by hand."""
        done = subprocess.run(
            [self.engine.program.docker, *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, f"docker {' '.join(words)} ends with {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def inspect(self, name: str = "") -> dict[str, Any]:
        """All the engine tells about a container."""
        found: dict[str, Any] = self.sdk.inspect_container(name or self.name)
        return found

    def identity(self, name: str = "") -> tuple[str, str]:
        """Id and time of the last start: equal before and after means it was not touched."""
        told = self.inspect(name)
        return told["Id"], told["State"]["StartedAt"]

    def ours(self, name: str = "") -> dict[str, str]:
        """Name to state of all containers with the document's label."""
        label = {"label": f"stella.document={name or self.name}"}
        rows = self.sdk.containers(all=True, filters=label)
        # one that is being removed has no name any more
        return {row["Names"][0].removeprefix("/"): row["State"] for row in rows if row["Names"]}

    def page(self) -> str:
        """What the web app says now, "" while it does not answer."""
        return fetch(f"http://127.0.0.1:{self.port}/").strip()

    @contextlib.contextmanager
    def users(self) -> Iterator[Poller]:
        """People who ask for the page all the time."""
        with Poller(f"http://127.0.0.1:{self.port}/") as asking:
            yield asking
        self.showed("outage_s", asking.longest_outage_s)

    @contextlib.contextmanager
    def controller(self, **variables: str) -> Iterator[Controller]:
        """``reconciler run``, ready; ended by SIGTERM as any service, with exit status 0."""
        with self.started(**variables) as running:
            eventually("the controller is ready", running.ready, within_s=READY_S)
            yield running

    @contextlib.contextmanager
    def started(self, *words: str, **variables: str) -> Iterator[Controller]:
        """``reconciler run``, or another program that takes its place, just started."""
        log = self.folder / f"controller-{uuid.uuid4().hex[:6]}.log"
        with log.open("wb") as output:
            environment = {**self.environment(), "RECONCILER_LOG_LEVEL": "debug", **variables}
            process = self._start(*(words or ("run",)), out=output, err=output, environment=environment)
        running = Controller(process=process, log=log, address=f"127.0.0.1:{self.metrics_port}")
        try:
            with killed_at_last(process):
                yield running
                self.said += [running.page("metrics"), running.page("readyz"), *running.site()]
                if process.poll() is None:
                    running.stop()
        finally:
            self.ended(process.returncode)
            self.said.append(log.read_text())


@dataclass(frozen=True, kw_only=True)
class Controller:
    """A running ``reconciler run``."""

    process: Process
    log: Path
    address: str

    def ready(self) -> bool:
        """Whether it has seen the host."""
        assert self.process.poll() is None, f"the controller ended with {self.process.returncode}:\n{self.text}"
        return bool(self.page("readyz"))

    def page(self, path: str) -> str:
        """A page it serves, "" when it does not."""
        return fetch(f"http://{self.address}/{path}")

    def site(self) -> Iterator[str]:
        """Every page of the status page, as far as they lead to each other; nothing where nobody answers."""
        wanted, read = ["/"], set[str]()
        while wanted:
            path = wanted.pop()
            read.add(path)
            text = self.page(path.removeprefix("/"))
            yield text
            leads = re.findall(r'href="(/documents/[^"#]+)"', text)
            wanted += [
                html.unescape(address) for address in dict.fromkeys(leads) if address not in {*read, *wanted}
            ]

    def metric(self, family: str, **labels: str) -> float | None:
        """The value of the first series of a family with these labels; None while there is none."""
        for line in self.page("metrics").splitlines():
            shown = re.fullmatch(rf"{family}(?:\{{(.*)\}})? (\S+)", line)
            if shown and all(f'{key}="{value}"' in (shown[1] or "") for key, value in labels.items()):
                return float(shown[2])
        return None

    def phase(self, document: str) -> str:
        """The document's phase, as the metrics tell it."""
        found = re.search(
            rf'^reconciler_document_info\{{(?=.*document="{document}").*phase="(\w+)".*\}} 1',
            self.page("metrics"),
            re.MULTILINE,
        )
        return found[1] if found else ""

    def settles(self, document: str) -> None:
        """Wait until the document is converged; a stop before that would take a deploy back."""
        eventually(f"{document} is converged", lambda: self.phase(document) == "Converged")

    @property
    def text(self) -> str:
        """Its log so far."""
        return self.log.read_text()

    def stop(self, *, within_s: float = 15.0) -> float:
        """SIGTERM; the seconds until its end, which must be in order."""
        began = time.monotonic()
        self.process.terminate()
        assert self.process.wait(within_s) == 0, self.text
        return time.monotonic() - began
