"""Small values, as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.action import ContainerRef, RecordHeal
from reconciler.core.container import Device, Mount, NetworkAttachment, PortBinding, RestartPolicy, Ulimit
from reconciler.core.desired import SourceLocation, canonical_json
from reconciler.core.display import as_bytes, as_duration, shown
from reconciler.core.observation import ImageFacts


@pytest.mark.parametrize(
    ("attribute", "value", "text"),
    [
        ("memory_bytes", 268435456, "256Mi"),
        ("memory_bytes", 1 << 30, "1Gi"),
        ("memory_bytes", 1000, "1000"),
        ("memory_bytes", 0, "none"),
        ("memory_swap_bytes", -1, "unlimited"),
        ("interval_ms", 90_000, "1m30s"),
        ("interval_ms", 250, "250ms"),
        ("interval_ms", 60_000, "1m"),
        ("interval_ms", 0, "0s"),
        ("nano_cpus", 1_500_000_000, "1.5"),
        ("nano_cpus", 0, "none"),
        ("retries", 3, "3"),
        ("init", True, "true"),
        ("user", "", "none"),
        ("user", None, "none"),
        ("dns", ("9.9.9.9", "1.1.1.1"), "[9.9.9.9, 1.1.1.1]"),
        ("options", {"b": "1", "a_token": "2"}, "{a_token: ***, b: 1}"),
        ("url", "http://ana:secret@db/x", "http://***@db/x"),
    ],
)
def test_values_are_shown_as_documents_write_them(attribute: str, value: object, text: str) -> None:
    assert shown(attribute, value) == text


@given(st.integers(1, 1 << 50))
def test_bytes_lose_nothing(value: int) -> None:
    text = as_bytes(value)
    units = {"Gi": 1 << 30, "Mi": 1 << 20, "Ki": 1 << 10}
    assert int(text.rstrip("GMKi")) * units.get(text.lstrip("0123456789"), 1) == value


@given(st.integers(0, 10**9))
def test_durations_lose_nothing(value: int) -> None:
    text = as_duration(value)
    if text.endswith("ms"):
        assert int(text[:-2]) == value
    else:
        minutes, _, seconds = text.rpartition("m") if "m" in text else ("0", "", text)
        assert (int(minutes) * 60 + int(seconds.rstrip("s") or "0")) * 1000 == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (PortBinding(80), "80/tcp"),
        (PortBinding(80, host_port=8080), "8080:80/tcp"),
        (PortBinding(53, "udp", "127.0.0.1", 5353), "127.0.0.1:5353:53/udp"),
        (PortBinding(80, host_ip="::1", host_port=8080), "[::1]:8080:80/tcp"),
        (Mount("/data", "data"), "data:/data"),
        (Mount("/www", "/srv", "bind", read_only=True), "/srv:/www:ro"),
        (NetworkAttachment("front"), "front"),
        (NetworkAttachment("front", ("a", "b")), "front (a, b)"),
        (RestartPolicy("on-failure", 3), "on-failure:3"),
        (Ulimit(1, 2), "1:2"),
        (Device("/dev/a", "/dev/b", "r"), "/dev/a:/dev/b:r"),
        (SourceLocation("web.yaml", 3), "web.yaml:3"),
        (ContainerRef("web"), "web"),
    ],
)
def test_values_print_as_they_are_written(value: object, text: str) -> None:
    assert str(value) == text


def test_a_platform_names_what_is_known() -> None:
    assert ImageFacts(id="x", architecture="arm", variant="v7").platform == "linux/arm/v7"
    assert ImageFacts(id="x", architecture="amd64").platform == "linux/amd64"


def test_an_action_without_a_target_of_its_own_acts_on_its_document() -> None:
    assert RecordHeal(document="web", cause="x").target == "web"


def test_canonical_json_refuses_what_has_no_value() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})
