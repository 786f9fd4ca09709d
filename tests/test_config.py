"""Settings: which source wins, what each error names, what relative paths mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config import (
    BY_NAME,
    SETTINGS,
    Settings,
    as_text,
    load_settings,
    parse_seconds,
    unknown_variables,
)
from reconciler.errors import InvalidSettings

WRONG = {
    "desired": ("", "a path"),
    "policy": ("", "a path"),
    "agent-policy": ("", "a path"),
    "polling": ("perhaps", "true or false"),
    "secrets-dir": ("", "a path"),
    "identity": ("", "a path"),
    "engine": ("docker.sock", "a URL such as"),
    "target": ("Host A", "as documents write it"),
    "listen": ("9464", "HOST:PORT"),
    "web-names": ("status.example.com:80", "without ports"),
    "resync": ("soon", "30s"),
    "full-every": ("0", "between 1 and"),
    "workers": ("0", "between 1 and 64"),
    "pull-deadline": ("-1", "number of seconds"),
    "engine-timeout": ("0", "between 1 and"),
    "prune": ("maybe", "true or false"),
    "prune-cap": ("101", "between 0 and 100"),
    "color": ("blue", "auto, always, never"),
    "log-format": ("xml", "auto, text, json"),
    "log-level": ("loud", "debug, info, warning, error"),
}


def load(
    flags: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    *,
    folder: Path,
    file: Path | None = None,
    root: bool = True,
) -> Settings:
    return load_settings(flags or {}, environment=environment or {}, folder=folder, file=file, root=root)


def test_the_places_of_the_program_are_those_that_hold_its_secrets_and_its_memory(tmp_path: Path) -> None:
    assert load(folder=tmp_path).own_places == (
        Path("/var/lib/reconciler"),
        Path("/run/reconciler"),
        Path("/etc/reconciler/identity.txt"),
        Path("/etc/reconciler/registries.age"),
        Path("/etc/reconciler/notify.yaml"),
        Path("/etc/reconciler/agent.yaml"),
    )
    secret = {"web-token-file": "/etc/token", "web-key": "/etc/key.pem"}
    assert load(secret, folder=tmp_path).own_places[6:] == (Path("/etc/token"), Path("/etc/key.pem"))


def test_defaults_are_those_of_the_manual(tmp_path: Path) -> None:
    settings = load(folder=tmp_path)
    assert settings == Settings(
        desired=Path("desired"),
        state_dir=Path("/var/lib/reconciler"),
        secrets_dir=Path("/run/reconciler"),
        identity=Path("/etc/reconciler/identity.txt"),
        registry_credentials=Path("/etc/reconciler/registries.age"),
        policy=Path("/etc/reconciler/policy.yaml"),
        agent_policy=Path("/etc/reconciler/agent.yaml"),
        polling=False,
        notify=Path("/etc/reconciler/notify.yaml"),
        engine="unix:///var/run/docker.sock",
        target="",
        listen="127.0.0.1:9464",
        web_token_file=None,
        web_certificate=None,
        web_key=None,
        web_client_ca=None,
        web_names=(),
        resync_s=30.0,
        full_every_s=600.0,
        workers=8,
        pull_deadline_s=900.0,
        engine_timeout_s=120.0,
        prune=False,
        prune_cap_percent=20,
        audit_keep=100,
        audit_file_mib=1,
        color="auto",
        log_format="auto",
        log_level="info",
    )
    assert set(settings.sources.values()) == {"default"}
    assert set(settings.sources) == set(BY_NAME)
    assert not settings.policy_needed
    assert not settings.agent_policy_needed
    assert load({"policy": "p.yaml"}, folder=tmp_path).policy_needed
    assert not settings.notify_needed
    assert load({"notify": "n.yaml"}, folder=tmp_path).notify_needed


@pytest.mark.parametrize(
    ("attribute", "variable", "below", "otherwise"),
    [
        ("state_dir", "XDG_STATE_HOME", "reconciler", "~/.local/state/reconciler"),
        ("secrets_dir", "XDG_RUNTIME_DIR", "reconciler", "~/.local/state/reconciler/run"),
        ("identity", "XDG_CONFIG_HOME", "reconciler/identity.txt", "~/.config/reconciler/identity.txt"),
        ("notify", "XDG_CONFIG_HOME", "reconciler/notify.yaml", "~/.config/reconciler/notify.yaml"),
        (
            "registry_credentials",
            "XDG_CONFIG_HOME",
            "reconciler/registries.age",
            "~/.config/reconciler/registries.age",
        ),
    ],
)
def test_places_of_an_ordinary_user_follow_xdg(
    tmp_path: Path, attribute: str, variable: str, below: str, otherwise: str
) -> None:
    def place(environment: dict[str, str]) -> Path:
        found: Path = getattr(load(environment=environment, folder=tmp_path, root=False), attribute)
        return found

    assert place({variable: "/home/ana/base"}) == Path("/home/ana/base", below)
    assert place({variable: "relative"}) == place({}) == Path(otherwise).expanduser()


def test_engine_falls_back_to_docker_host(tmp_path: Path) -> None:
    settings = load(environment={"DOCKER_HOST": "tcp://10.0.0.1:2375"}, folder=tmp_path)
    assert settings.engine == "tcp://10.0.0.1:2375"
    assert settings.sources["engine"] == "environment DOCKER_HOST"


def test_own_variable_beats_docker_host(tmp_path: Path) -> None:
    environment = {"DOCKER_HOST": "tcp://10.0.0.1:2375", "RECONCILER_ENGINE": "unix:///run/x.sock"}
    assert load(environment=environment, folder=tmp_path).engine == "unix:///run/x.sock"


texts = st.sampled_from(["one", "two", "three"])


@given(flag=st.none() | texts, variable=st.none() | texts, line=st.none() | texts)
def test_the_nearest_source_wins_and_is_remembered(
    tmp_path_factory: pytest.TempPathFactory, flag: str | None, variable: str | None, line: str | None
) -> None:
    folder = tmp_path_factory.mktemp("settings")
    if line is not None:
        (folder / "reconciler.toml").write_text(f'target = "{line}"\n')
    settings = load(
        {"target": flag} if flag else {},
        {"RECONCILER_TARGET": variable} if variable else {},
        folder=folder,
    )
    assert settings.target == (flag or variable or line or "")
    origins = [
        (flag, "flag --target"),
        (variable, "environment RECONCILER_TARGET"),
        (line, f"file {folder / 'reconciler.toml'}"),
        ("default", "default"),
    ]
    assert settings.sources["target"] == next(origin for value, origin in origins if value)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (name, place)
        for name, (text, _) in WRONG.items()
        for place in ("flag", "environment", "file")
        if text or place != "environment"  # an empty variable counts as not set
    ],
)
def test_a_wrong_value_names_its_place_and_what_is_allowed(tmp_path: Path, name: str, place: str) -> None:
    text, allowed = WRONG[name]
    variable = BY_NAME[name].variable
    (tmp_path / "reconciler.toml").write_text(f'{name} = "{text}"\n' if place == "file" else "")
    with pytest.raises(InvalidSettings) as caught:
        load(
            {name: text} if place == "flag" else {},
            {variable: text} if place == "environment" else {},
            folder=tmp_path,
        )
    origins = {"flag": f"flag --{name}", "environment": variable, "file": str(tmp_path / "reconciler.toml")}
    assert origins[place] in str(caught.value)
    assert allowed in str(caught.value)


def test_the_settings_file_may_use_numbers_and_booleans(tmp_path: Path) -> None:
    (tmp_path / "reconciler.toml").write_text("workers = 3\nprune = true\nresync = 2.5\n")
    settings = load(folder=tmp_path)
    assert (settings.workers, settings.prune, settings.resync_s) == (3, True, 2.5)


def test_relative_paths_of_the_settings_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "r.toml").write_text('desired = "documents"\nstate-dir = "/srv/state"\n')
    settings = load(folder=tmp_path, file=Path("etc/r.toml"))
    assert settings.desired == tmp_path / "etc" / "documents"
    assert settings.state_dir == Path("/srv/state")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"desird = 'x'\n", "there is no setting 'desird'; did you mean desired?"),
        (b"zzz = 1\n", "there is no setting 'zzz'"),
        (b"workers = [1]\n", "workers must be a text, a number, true or false"),
        (b"workers\n", "is not TOML"),
        (b"\xff\n", "is not UTF-8"),
        (b"#" * 70_000, "larger than 65536 bytes"),
    ],
)
def test_a_broken_settings_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "reconciler.toml").write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"reconciler\.toml") as caught:
        load(folder=tmp_path)
    assert message in str(caught.value)


def test_a_named_settings_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"settings file other\.toml is not there"):
        load(folder=tmp_path, file=Path("other.toml"))


def test_a_settings_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "reconciler.toml").mkdir()
    with pytest.raises(InvalidSettings, match="cannot be read: Is a directory"):
        load(folder=tmp_path)


def test_a_path_of_an_unknown_user_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="flag --desired"):
        load({"desired": "~nobody-of-this-name/x"}, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("30s", 30), ("250ms", 0.25), ("5m", 300), ("2h", 7200), ("1.5d", 129600)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1 h", "1w", "1e3", "inf", "٣"])
def test_strange_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a number of seconds"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("listen", "address"), [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:80", ("::1", 80))]
)
def test_listen_address_is_split(tmp_path: Path, listen: str, address: tuple[str, int]) -> None:
    assert load({"listen": listen}, folder=tmp_path).listen_address == address


def test_unknown_variables_are_told_with_what_was_meant() -> None:
    environment = {"RECONCILER_DESIRD": "x", "RECONCILER_ZZZ_QQQ": "", "RECONCILER_CONFIG": "x", "HOME": "/"}
    assert unknown_variables(environment) == (
        "RECONCILER_DESIRD; did you mean RECONCILER_DESIRED?",
        "RECONCILER_ZZZ_QQQ",
    )


def test_every_value_can_be_written_back(tmp_path: Path) -> None:
    names = {"web-names": "Status.example.com, box", "web-token-file": "/etc/token"}
    settings = load({"prune": "yes", "resync": "1.5m", **names}, folder=tmp_path)
    flags = {setting.name: as_text(settings, setting) for setting in SETTINGS}
    assert flags["prune"] == "true"
    assert flags["resync"] == "90s"
    assert flags["web-names"] == "status.example.com,box"
    assert (flags["web-token-file"], flags["web-key"]) == ("/etc/token", "")
    assert load(flags, folder=tmp_path) == settings
