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


def percents(*messages: dict[str, Any]) -> list[str]:
    return [line.partition(",")[0] for line in told(*messages)]


def layer(name: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    return {"id": name, "status": status, "progressDetail": {"current": current, "total": total} if total else {}}


def test_downloading_and_unpacking_count_half_each() -> None:
    assert percents(
        layer("a", "Pulling fs layer"),
        layer("a", "Downloading", 10, 100),
        layer("a", "Downloading", 50, 100),
        layer("a", "Download complete"),
        layer("a", "Extracting", 100, 100),
        layer("a", "Pull complete"),
    ) == ["5 %", "25 %", "50 %", "100 %"]


def test_layers_and_bytes_are_counted() -> None:
    assert told(
        layer("a", "Already exists"),
        layer("b", "Downloading", 1_000_000, 4_000_000),
        layer("b", "Extracting", 1_000_000, 4_000_000),
        layer("b", "Pull complete"),
    ) == [
        "12 %, 1 of 2 layers, 1.0 of 4.0 MB",
        "62 %, 1 of 2 layers, unpacking 4.0 MB",
        "100 %, 2 of 2 layers, 4.0 of 4.0 MB",
    ]


def test_nothing_is_unpacked_while_a_layer_is_still_to_come() -> None:
    assert told(
        layer("a", "Pulling fs layer"),
        layer("b", "Pulling fs layer"),
        layer("a", "Downloading", 4_000_000, 4_000_000),
        layer("a", "Download complete"),
        layer("b", "Download complete"),
    ) == ["25 %, 0 of 2 layers, 4.0 of 4.0 MB", "50 %, 0 of 2 layers, unpacking 4.0 MB"]


def test_bytes_of_a_small_image_are_not_worth_a_word() -> None:
    assert told(layer("a", "Downloading", 10, 20)) == ["25 %, 0 of 1 layers"]


def test_an_image_of_which_the_host_has_every_layer_is_told_at_its_end() -> None:
    lines: list[str] = []
    progress = PullProgress(IMAGE, lines.append)
    for name in ("a", "b"):
        progress.tell(layer(name, "Already exists"))
    assert lines == []
    progress.end()
    progress.end()
    assert [line.partition(": ")[2] for line in lines] == ["100 %, 2 of 2 layers"]


def test_the_end_of_a_pull_that_brought_nothing_is_not_told() -> None:
    lines: list[str] = []
    progress = PullProgress(IMAGE, lines.append)
    progress.tell({"status": "Status: Image is up to date for shop/web"})
    progress.end()
    assert lines == []


def test_ten_thousand_messages_are_at_most_a_hundred_lines() -> None:
    messages = [layer("a", "Downloading", part, 10_000) for part in range(10_000)]
    assert len(told(*messages)) == 49


def test_the_number_never_goes_down() -> None:
    messages = (layer("a", "Pull complete"), layer("b", "Pulling fs layer"), layer("b", "Extracting", 9, 0))
    assert percents(*messages) == ["100 %"]


def test_messages_that_are_not_about_a_layer_are_passed_over() -> None:
    assert told({"id": "1.4", "status": "Pulling from shop/web"}, {"status": "Digest: sha256:1"}, {"id": 7}) == []
