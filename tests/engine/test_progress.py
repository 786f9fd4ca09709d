"""A pull's messages as a few lines."""

from __future__ import annotations

from typing import Any

from reconciler.core.desired import ImageReference
from reconciler.engine.progress import PullProgress

IMAGE = ImageReference("registry.example.com/shop/web", "sha256:" + "e5" * 32)


def told(*messages: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    progress = PullProgress(IMAGE, lines.append)
    for message in messages:
        progress.tell(message)
    return [line.removeprefix("pulling shop/web@e5e5e5e5e5e5: ") for line in lines]


def layer(name: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    return {"id": name, "status": status, "progressDetail": {"current": current, "total": total} if total else {}}


def test_downloading_and_unpacking_count_half_each() -> None:
    assert told(
        layer("a", "Pulling fs layer"),
        layer("a", "Downloading", 10, 100),
        layer("a", "Downloading", 50, 100),
        layer("a", "Download complete"),
        layer("a", "Extracting", 100, 100),
        layer("a", "Pull complete"),
    ) == ["0 %", "20 %", "50 %", "100 %"]


def test_a_thousand_messages_are_a_few_lines() -> None:
    messages = [layer("a", "Downloading", part, 1000) for part in range(1000)]
    assert len(told(*messages)) == 5


def test_the_number_never_goes_down() -> None:
    assert told(layer("a", "Pull complete"), layer("b", "Pulling fs layer"), layer("b", "Extracting", 9, 0)) == [
        "100 %"
    ]


def test_messages_that_are_not_about_a_layer_are_passed_over() -> None:
    assert told({"id": "1.4", "status": "Pulling from shop/web"}, {"status": "Digest: sha256:1"}, {"id": 7}) == []
