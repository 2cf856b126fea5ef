"""What changes while the page is open: documents land, the server goes and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.conftest import explained, panel, settled, total
from tests.support.landed import document

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Site


def test_what_lands_is_seen_without_loading_the_page_again(page: Page, site: Site) -> None:
    """New documents are counted, a new alert is listed and said; the page was not loaded anew."""
    settled(page)
    page.evaluate("window.stayed = true")
    before = total(page).count()
    site.warehouse.write_documents([document(900, label="fresh", offset=900, source="gazette")])
    site.warehouse.write_alerts([explained("a2", "it changed once more")])
    expect(total(page)).to_have_count(before + 1)
    expect(total(page).filter(has_text="fresh")).to_have_count(1)
    expect(panel(page, "Alerts").get_by_role("button", name="it changed once more")).to_be_visible()
    expect(page.locator("#announce")).to_contain_text("New alert: news")
    assert page.evaluate("window.stayed")


def test_the_page_says_when_nobody_answers_and_recovers(page: Page, site: Site) -> None:
    """The figures stay, with the time that they are of; back again, all is live by itself."""
    settled(page)
    expect(page.get_by_label("Source").locator("option")).to_have_count(3)
    site.server.stop()
    try:
        expect(page.locator("#pulse")).to_contain_text("no connection")
        expect(panel(page, "Unique tokens").locator(".stale")).to_contain_text("As of ")
        expect(total(page).first).to_be_visible()
        page.get_by_label("Source").select_option("news")
        expect(panel(page, "Unique tokens")).to_contain_text("The server does not answer")
        expect(panel(page, "Unique tokens").locator(".stale")).to_be_hidden()
    finally:
        site.server.start()
    expect(page.locator("#pulse")).to_have_text("live")
    expect(panel(page, "Unique tokens").locator(".legend")).to_be_visible()
