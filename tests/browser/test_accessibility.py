"""axe-core finds nothing serious: page, dialog, empty and failing states, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANSWER_MS, settled
from tests.support.axe import findings
from tests.support.npm_packages import NotToBeHad

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Site

VIEWS = {
    "all": "",
    "an alert": "?alert=a1&of=news",
    "a term": "?term=flood",
    "nothing": "?source=nobody",
    "no such range": "?from=yesterday",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(
    browser: Browser, site: Site, view: str, scheme: Literal["light", "dark"]
) -> None:
    """With SQL and table opened on the whole page."""
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    context.set_default_timeout(ANSWER_MS)
    page = context.new_page()
    page.goto(f"{site.server.url}{VIEWS[view]}")
    settled(page)
    _open(page, view)
    try:
        found = findings(page)
    except NotToBeHad as reason:
        pytest.skip(f"no axe-core: {reason}")
    finally:
        context.close()
    assert found == []


def _open(page: Page, view: str) -> None:
    if view == "all":
        page.get_by_role("button", name="SQL of: Drift score").click()
        page.get_by_role("button", name="Table of: Unique tokens").click()
        expect(page.locator("#words table")).to_be_visible()
    if view in {"an alert", "a term"}:
        expect(page.get_by_role("dialog")).to_contain_text("flood")
