"""The live page in a real browser: what is seen, chosen, explained, and said in trouble."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.conftest import CHARTS, DOCUMENTS, LISTS, SCRIPT, panel, settled, total

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Site


def test_the_page_opens_with_every_panel(page: Page) -> None:
    """A heading and figures in each, and the ledger as an equation."""
    settled(page)
    for title in CHARTS:
        expect(
            panel(page, title).locator("svg[width] path, svg[width] rect").first
        ).to_be_attached()
    for title in LISTS:
        expect(panel(page, title).locator("tbody tr, ol li").first).to_be_visible()
    topics = panel(page, "Topics over time").locator("tbody tr")
    expect(topics.filter(has_text="flood").locator("polyline")).to_be_attached()
    expect(topics.filter(has_text="flood")).to_contain_text("180")
    expect(page.locator("#ledger")).to_contain_text(re.compile(rf"{DOCUMENTS}\s*landed"))
    expect(page.locator("#pulse")).to_have_text("live")


def test_nothing_of_a_document_is_taken_for_markup(page: Page) -> None:
    """A label and a summary that look like a script are shown as they are."""
    settled(page)
    expect(total(page).filter(has_text=SCRIPT)).to_have_count(1)
    expect(panel(page, "Latest documents")).to_contain_text(SCRIPT)
    expect(page).to_have_title("Tidemark")


def test_a_source_filters_and_stands_in_the_address(page: Page, site: Site) -> None:
    """Chosen, it is in the address; the address opened anew, or gone back from, says the same."""
    settled(page)
    expect(total(page).first).to_contain_text("45")
    page.get_by_label("Source").select_option("gazette")
    expect(total(page).first).to_contain_text("15")
    expect(page).to_have_url(re.compile("source=gazette"))
    page.goto(page.url)
    expect(total(page).first).to_contain_text("15")
    expect(page.get_by_label("Source")).to_have_value("gazette")
    page.goto(f"{site.server.url}?source=news")
    expect(total(page).first).to_contain_text("30")
    page.go_back()
    expect(total(page).first).to_contain_text("15")


def test_a_time_range_cuts_every_panel(page: Page) -> None:
    """Twenty minutes have twenty documents; the button of the empty range leads back to all."""
    settled(page)
    page.get_by_text("From, to").click()
    page.get_by_label("From", exact=True).fill("2024-05-06T07:10:00")
    page.get_by_label("To", exact=True).fill("2024-05-06T07:30:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(total(page).first).to_contain_text("15")
    expect(page).to_have_url(re.compile("from=2024-05-06T07%3A10Z"))
    page.get_by_label("15 min").check()
    expect(panel(page, CHARTS[0])).to_contain_text("Nothing in this range")
    panel(page, CHARTS[0]).get_by_role("button", name="Show all there is").click()
    expect(total(page).first).to_contain_text("45")


def test_few_documents_are_counted_by_a_longer_unit(page: Page, site: Site) -> None:
    """Over forty years sixty documents are 120 a year, not a bar of no height per minute."""
    page.goto(f"{site.server.url}?from=1990-01-01T00:00&to=2030-01-01T00:00")
    settled(page)
    chart = panel(page, CHARTS[0])
    expect(chart.locator("text.unit")).to_have_text("documents / year")
    chart.get_by_role("button", name="Table of").click()
    expect(chart.get_by_role("columnheader", name="per year")).to_be_visible()
    expect(chart.get_by_role("row").filter(has_text="sea")).to_contain_text("90")


def test_the_clock_is_named_and_can_be_changed(page: Page) -> None:
    """All arrived within a second: by arrival there is one step, and other panels say theirs."""
    settled(page)
    page.get_by_label("arrival").check()
    expect(panel(page, "Drift score")).to_contain_text("by event time")
    expect(panel(page, CHARTS[0])).to_contain_text("steps of 1 s")
    expect(page).to_have_url(re.compile("clock=arrival"))


def test_an_alert_is_explained_and_can_be_shared(page: Page) -> None:
    """Words with z, documents of both sides, labels with intervals, the SQL; and the keys work."""
    settled(page)
    button = panel(page, "Alerts").get_by_role("button", name="the words of news changed")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("6 May 2024, 07:33:09 to 07:37:09")
    expect(dialog.get_by_role("row", name="flood 9.5 0 % 20 %")).to_be_visible()
    expect(
        dialog.get_by_role("row", name=re.compile("sea .*60 % 55 to 65 20 % 15 to 25"))
    ).to_be_visible()
    expect(dialog).to_contain_text(f"{SCRIPT} is now typical")
    expect(dialog).to_contain_text("was typical before")
    expect(dialog).to_contain_text("0.02 a week")
    expect(dialog.get_by_label("SQL")).to_have_text("SELECT count() FROM documents")
    expect(page).to_have_url(re.compile("alert=a1"))
    page.goto(page.url)
    expect(dialog).to_contain_text("flood")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("alert="))


def test_a_term_shows_its_documents_and_can_be_shared(page: Page) -> None:
    """A click opens them; the address opens them anew; closed, it is gone from the address."""
    settled(page)
    panel(page, "Emerging terms").get_by_role("button", name="flood", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Documents with \u201cflood\u201d")
    expect(dialog.locator("li").first).to_contain_text("doc-")
    expect(dialog.get_by_label("SQL", exact=True)).to_contain_text("has(terms, 'flood')")
    expect(page).to_have_url(re.compile("term=flood"))
    page.reload()
    expect(dialog.locator("li").first).to_contain_text("doc-")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("term="))


def test_the_alert_is_marked_on_the_chart(page: Page) -> None:
    """Where it was detected; a click explains it."""
    settled(page)
    panel(page, "Drift score").get_by_role("button", name=re.compile("^Alert, 6 May 2024")).click()
    expect(page.get_by_role("dialog")).to_contain_text("flood")


def test_charts_are_read_by_keys_and_as_tables(page: Page) -> None:
    """The value of a step is said; the table has the same figures; the SQL is shown."""
    settled(page)
    chart = panel(page, "Drift score").get_by_role("slider")
    chart.focus()
    page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^6 May 2024, 07:08: "))
    page.keyboard.press("ArrowRight")
    expect(chart).to_have_attribute(
        "aria-valuetext", re.compile(r"07:09: score 0.2, alarm above 11")
    )
    panel(page, "Drift score").get_by_role("button", name="Table of").click()
    expect(panel(page, "Drift score").get_by_role("row")).to_have_count(DOCUMENTS + 1)
    panel(page, "Drift score").get_by_role("button", name="SQL of").click()
    expect(panel(page, "Drift score").get_by_label("SQL", exact=True)).to_contain_text(
        "drift_windows"
    )


def test_a_chart_is_dragged_over_to_choose_a_range(page: Page) -> None:
    """What was dragged over is the range then."""
    settled(page)
    hold = panel(page, CHARTS[0]).get_by_role("slider")
    box = hold.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 50)
    page.mouse.up()
    expect(page.locator("#between")).to_have_attribute("data-used", "")
    expect(total(page).first).to_contain_text(re.compile(r"sea\s*(8|9|10|11)\s*$"))


def test_appearance_is_chosen_and_kept(page: Page) -> None:
    """Dark here, dark after loading again."""
    settled(page)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_label("Appearance").select_option("dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, site: Site) -> None:
    """Nor does the alert."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    page.goto(site.server.url)
    settled(page)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    panel(page, "Alerts").get_by_role("button", name="the words of news changed").tap()
    expect(page.get_by_role("dialog")).to_contain_text("flood")
    inside = "(node) => node.scrollWidth - node.clientWidth"
    assert page.get_by_role("dialog").evaluate(inside) == 0
    context.close()
