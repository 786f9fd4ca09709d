"""The status page of a real controller on a real engine: what is done by hand is seen, and goes."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.stage import Stage
from tests.parts.browser import Browser

SOON_MS = 20_000
LIMITED = {"config": {"memoryLimit": "64Mi"}, "drift": {"mode": "warn"}}


def test_drift_made_by_hand_comes_to_the_page_by_itself_and_goes(stage: Stage, browser: Browser) -> None:
    name = stage.name

    def limit(size: str) -> None:
        stage.docker("update", "--memory", size, "--memory-swap", size, name)

    def story(page: Page) -> None:
        page.set_default_timeout(SOON_MS)
        page.evaluate("() => { window.same = true; }")
        row = page.locator(f"#document-{name}")
        limit("128m")
        expect(row).to_contain_text("OutOfSync", timeout=SOON_MS)
        expect(row).to_contain_text("limits")
        expect(page).to_have_title(f"1 OutOfSync · {page.locator('.host').inner_text()}")
        assert page.evaluate("() => window.same")

        row.get_by_role("link").click()
        expect(page.locator(".drift")).to_contain_text("config.memoryLimit")
        expect(page.locator(".drift")).to_contain_text("128Mi")
        expect(page.locator("main")).to_contain_text("APP_PASSWORD")
        page.evaluate("() => { window.same = true; }")
        limit("64m")
        expect(page.locator(".words")).to_contain_text("Synced", timeout=SOON_MS)
        expect(page.get_by_text("Nothing differs.")).to_be_visible()
        assert page.evaluate("() => window.same")
        assert stage.canary not in page.content()

    stage.write(stage.web("v1", **LIMITED))
    with stage.controller() as running:
        running.settles(name)
        browser.visit(story, url=f"http://{running.address}/")
    assert any(f"Generation 1 of {name}" in text for text in stage.said)


def test_where_others_get_to_it_the_page_is_not_served_without_a_guard(stage: Stage) -> None:
    anywhere = f"0.0.0.0:{stage.metrics_port}"
    with stage.started(RECONCILER_LISTEN=anywhere) as running:
        while not running.page("healthz"):
            assert running.process.poll() is None, running.text
        assert "Documents" not in "".join(running.site())
        assert running.page("metrics")
    assert "the status page is not served" in running.text
