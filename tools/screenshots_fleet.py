"""Take the pictures of a fleet's status page for the documentation, from a store as an orchestrator keeps it.

python -m tools.screenshots_fleet    write docs/images/fleet-page*.png

No agent runs: the store is furnished as that of the tests, with hosts of which some are not well.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from reconciler.web.access import Access, Patience
from reconciler.web.live import Live
from reconciler.web.site import Site
from tests.orchestrator.furnished import LAYOUT, furnished
from tests.parts.browser import Browser
from tests.web.showroom import serving_site
from tools.screenshots import DESK, Picture, take

HOSTS = 120
PICTURES = (Picture(name="fleet-page", path="/", size=DESK),)


def main() -> None:
    """Furnish, serve, and take the pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        furnished(Path(folder), HOSTS) as stage,
        Browser() as browser,
    ):

        def site() -> Site:
            return Site(
                routes=stage.pages().routes,
                layout=LAYOUT,
                access=Access(clock=time.time, here_only=True),
                patience=Patience(time.monotonic),
                live=Live(),
                names=frozenset({"localhost"}),
            )

        with serving_site(site) as served:
            for picture in PICTURES:
                take(browser, served.url, picture)


if __name__ == "__main__":
    main()
