from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import Settings
from tests.cli.recorded import RecordedService, run


def test_run_hands_the_settings_to_the_agent(tmp_path: Path) -> None:
    given: list[Settings] = []
    arguments = ["agent", "run", "--agent-policy", "agent.yaml", "--polling", "--log-format", "json"]
    ran = run(RecordedService(), *arguments, folder=tmp_path, run_agent=given.append)
    (settings,) = given
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert (settings.agent_policy, settings.agent_policy_needed) == (Path("agent.yaml"), True)
    assert settings.polling


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--server", "http://fleet.example.com"), "is no https URL"),
        (("--server", "https://fleet.example.com", "--token-file", "nowhere"), "cannot read nowhere"),
        (("--server", "https://127.0.0.1:1", "--token-file", "token"), "this is no join token"),
    ],
)
def test_enrolling_says_what_is_wrong_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("not a token")
    ran = run(RecordedService(), "agent", "enroll", "--state-dir", "state", *arguments, folder=tmp_path)
    assert ran.status != 0
    assert told in ran.err
    assert not (tmp_path / "state" / "fleet").exists()


def test_a_host_that_is_not_enrolled_is_told_how(tmp_path: Path) -> None:
    ran = run(RecordedService(), "agent", "run", "--state-dir", str(tmp_path / "state"), folder=tmp_path)
    assert ran.status != 0
    assert "belongs to no orchestrator yet" in ran.err
    assert "reconciler agent enroll" in ran.err
