"""The bridges of a host, as Linux shows them."""

from __future__ import annotations

from pathlib import Path

from reconciler.host_bridges import asks_again_ms


def interface(root: Path, name: str, *, bridge: bool, again_ms: int | None = 1000) -> None:
    folder = root / "sys/class/net" / name
    (folder / "bridge" if bridge else folder).mkdir(parents=True)
    if again_ms is not None:
        setting = root / "proc/sys/net/ipv4/neigh" / name / "retrans_time_ms"
        setting.parent.mkdir(parents=True)
        setting.write_text(f"{again_ms}\n")


def test_only_bridges_are_told_with_their_time(tmp_path: Path) -> None:
    interface(tmp_path, "eth0", bridge=False)
    interface(tmp_path, "docker0", bridge=True)
    interface(tmp_path, "br-1", bridge=True, again_ms=50)
    assert asks_again_ms(tmp_path) == {"br-1": 50, "docker0": 1000}


def test_a_bridge_that_goes_away_meanwhile_is_left_out(tmp_path: Path) -> None:
    interface(tmp_path, "br-1", bridge=True, again_ms=None)
    assert asks_again_ms(tmp_path) == {}


def test_this_machine_can_be_asked() -> None:
    assert all(again > 0 for again in asks_again_ms().values())
