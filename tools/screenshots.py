"""Take the pictures of the status page for the documentation, from a real controller with real containers.

python -m tools.screenshots    write docs/images/status-page*.png

A private engine and registry, a dozen documents; some things go wrong, as on any host: a limit is changed by hand,
a release does not become healthy, a container is stopped, somebody suspends a document.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.e2e.documents import as_yaml, document, merged
from tests.parts.browser import Browser
from tests.parts.engine import PrivateEngine
from tests.parts.images import PublishedImage
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import publish_standard_images
from tools.demo.stage import Story, controller
from tools.demo.teller import say
from tools.shop import a_shop

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LARGEST_BYTES = 150_000
QUIET = ("accounts", "billing", "cache", "catalogue", "sessions", "invoices", "reports")
WATCHED = {"drift": {"mode": "warn"}}
DESK = {"width": 1200, "height": 760}
PHONE = {"width": 360, "height": 720}
SETTLED_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture: which page, how large, in which light."""

    name: str
    path: str
    size: dict[str, int]
    scale: float = 1.0
    dark: bool = False


PICTURES = (
    Picture(name="status-page", path="/", size=DESK),
    Picture(name="status-page-document", path="/documents/gateway", size={**DESK, "height": 1000}),
    Picture(name="status-page-change", path="/documents/orders/generations/{orders}", size=DESK, dark=True),
    Picture(name="status-page-phone", path="/", size=PHONE, scale=1.5, dark=True),
)


def write(story: Story, name: str, image: PublishedImage, release: str, **spec: Any) -> None:
    """A document's file."""
    usual: dict[str, Any] = {
        "config": {
            "memoryLimit": "64Mi",
            "environment": {"LOG_LEVEL": "info", "DATABASE_PASSWORD": "not for anybody's eyes"},
            "healthCheck": {"timeout": "5s"},
        },
        "sticker": {"path": str(story.folder / "stickers" / f"{name}.json")},
    }
    written: Mapping[str, Any] = document(name, image, release, **merged(usual, spec))
    (story.desired / f"{name}.yaml").write_text(as_yaml(written))


def set_the_stage(story: Story) -> None:
    """All that is well."""
    for number, name in enumerate(QUIET):
        write(story, name, story.images.web_v1, f"2.{number}.1")
    write(story, "gateway", story.images.web_v1, "4.0.2", **WATCHED)
    write(story, "search", story.images.web_v1, "1.8.0")
    write(story, "stock", story.images.web_v1, "3.1.4", **WATCHED)
    write(story, "orders", story.images.web_v1, "5.2.0")
    write(story, "mail", story.images.web_v1, "0.9.7")
    wait(story, "everything is converged", "Converged", 12)


def let_things_happen(story: Story) -> None:
    """What happens on every host, sooner or later."""
    write(story, "orders", story.images.web_v2, "5.3.0", config={"memoryLimit": "96Mi"})
    write(story, "search", story.images.web_v3, "1.9.0")
    pause = {"by": "ana", "reason": "incident 42: the relay is being moved"}
    write(story, "mail", story.images.web_v1, "0.9.7", suspend=pause)
    story.docker("update", "--memory", "128m", "--memory-swap", "128m", "--restart", "no", "gateway")
    story.docker("stop", "stock")
    wait(story, "a release is rolled back", "RolledBack", 1)
    wait(story, "the rest is converged", "Converged", len(QUIET) + 1)


def wait(story: Story, what: str, phase: str, number: int) -> None:
    """Until so many documents are in that phase."""
    story.check(what, lambda: phases(story).count(f'phase="{phase}"') == number, within_s=SETTLED_S)
    if story.failures:
        raise SystemExit(f"not within {SETTLED_S:g} s: {what}")


def phases(story: Story) -> str:
    """What the metrics say of all documents."""
    lines = story.page(story.metrics_port, "metrics").splitlines()
    return "\n".join(line for line in lines if line.startswith("reconciler_document_info{"))


def take(browser: Browser, address: str, picture: Picture) -> None:
    """One picture of a page at this address into its file."""

    def story_of(page: Page) -> None:
        page.wait_for_function("() => document.getElementById('live').textContent === 'live'")
        page.screenshot(path=file, animations="disabled", caret="hide")

    file = IMAGES / f"{picture.name}.png"
    scheme = "dark" if picture.dark else "light"
    profile: dict[str, Any] = {
        "viewport": picture.size,
        "device_scale_factor": picture.scale,
        "color_scheme": scheme,
    }
    browser.visit(story_of, url=address + picture.path.format(orders=2), **profile)
    size = file.stat().st_size
    say(f"{file}  {size // 1000} kB")
    if size > LARGEST_BYTES:
        raise SystemExit(f"{file} is larger than {LARGEST_BYTES} bytes: show less of the page")


def main() -> None:
    """Set the stage, let things happen, take the pictures, and leave nothing behind."""
    os.environ["RECONCILER_TARGET"] = "shop-1"
    with a_shop() as folder, PrivateEngine() as engine, PrivateRegistry() as registry, Browser() as browser:
        (folder / "desired").mkdir()
        story = Story(engine=engine.url, images=publish_standard_images(registry.address), folder=folder)
        with controller(story):
            set_the_stage(story)
            let_things_happen(story)
            for picture in PICTURES:
                take(browser, f"http://127.0.0.1:{story.metrics_port}", picture)


if __name__ == "__main__":
    main()
