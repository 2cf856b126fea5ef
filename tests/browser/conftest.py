"""A browser, and the page over an engine with an hour of documents, windows and an alert."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from schemas.messages import Evidence, HumanLabel, Origin, ShareInterval, TermChange
from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.summaries import SummaryKeeper
from streams.ports import Labelled
from streams.runtime.summaries import extractive
from tests.support.chromium import find_chromium
from tests.support.landed import HOUR, START, alert, document, letter, topic, window
from tests.support.npm_packages import NotToBeHad
from tests.support.page_server import PageServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

    from schemas.messages import DriftAlert
    from streams.backends.clickhouse import ClickHouseWarehouse

NOW = START + 2 * HOUR
DOCUMENTS = 60
SCRIPT = "<script>document.title = 'taken'</script>"
ANSWER_MS = 30_000
expect.set_options(timeout=ANSWER_MS)
CHARTS = (
    "Documents per minute, by label",
    "Drift score",
    "Unique tokens",
    "Latency and throughput",
    "Cost",
)
LISTS = (
    *("Emerging terms", "Topics over time", "Alerts", "What it was about", "Latest documents"),
    *("Dead letters", "Models"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A first run fetches the browser."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.timeout(400))


@dataclass(frozen=True, slots=True)
class Site:
    """The page's server and the database behind it."""

    server: PageServer
    warehouse: ClickHouseWarehouse


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Skipped only where no Chromium is installed and none can be fetched.

    Not for the whole session: while Playwright runs, so does its event loop in this thread, and no
    asynchronous test could.
    """
    try:
        chromium = find_chromium()
    except NotToBeHad as reason:
        pytest.skip(f"no browser: {reason}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium.program,
            args=["--no-sandbox"],  # the tests may run as root, in a container
            env={**os.environ, **chromium.environment},
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An hour: two sources, an explained alert, dead letters; one document tries to be markup."""
    warehouse = open_warehouse(f"chdb://{tmp_path_factory.mktemp('browser') / 'clickhouse'}")
    warehouse.write_documents(
        [
            document(
                n,
                source="gazette" if n % 3 == 0 else "news",
                text=f"{SCRIPT} the flood" if n > DOCUMENTS * 3 // 4 else "the tide is high",
                label="sea" if n % 4 else SCRIPT,
            )
            for n in range(DOCUMENTS)
        ]
    )
    warehouse.write_dead_letters([letter(1_000 + n) for n in range(2)])
    topics = (topic("tide, high", 4), topic("flood", 6, summary=SCRIPT))
    warehouse.write_stats(
        [
            replace(window(n), drift_score=n / 5, topics=topics[: n % 2 + 1])
            for n in range(DOCUMENTS)
        ]
    )
    warehouse.write_alerts([explained("a1", "the words of news changed")])
    said = HumanLabel("doc-1", "news", ("sea",), "ada", START)
    warehouse.write_labels([Labelled(Origin("tidemark.labels", 0, 0, START), said)])
    SummaryKeeper(warehouse, extractive).refresh()
    server = PageServer(warehouse, lambda: NOW)
    yield Site(server, warehouse)
    server.close()
    warehouse.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A page of its own, opened; anything on its console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(ANSWER_MS)
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda line: said.append(f"{line.type}: {line.text}"))
    opened.on("pageerror", lambda error: said.append(f"error: {error}"))
    opened.goto(site.server.url)
    yield opened
    context.close()
    expected = "Failed to load resource: net::ERR_"  # of the test that takes the server away
    assert [line for line in said if expected not in line] == []


def explained(alert_id: str, message: str) -> DriftAlert:
    """Return an alert with everything that an alert can say."""
    return replace(
        alert(alert_id),
        message=message,
        detected_at=START + 30 * 60_000,
        changed_at=START + 28 * 60_000,
        changed_from=START + 25 * 60_000,
        changed_to=START + 29 * 60_000,
        expected_false_alarms=0.02,
        terms_up=(TermChange("flood", 9.5, 0.0, 0.2),),
        terms_down=(TermChange("ebb", -4.5, 0.3, 0.1),),
        new_documents=(Evidence("doc-55", START, f"{SCRIPT} is now typical", 0.5),),
        old_documents=(Evidence("doc-1", START, "was typical before", 0.5),),
        label_intervals=(ShareInterval("sea", 0.55, 0.65, 0.15, 0.25),),
        sql="SELECT count() FROM documents",
    )


def panel(page: Page, title: str) -> Locator:
    """Return a panel by its heading."""
    return page.get_by_role("region", name=title, exact=True)


def settled(page: Page) -> Page:
    """Wait until no panel asks any more."""
    expect(page.locator(".panel .body")).to_have_count(len(CHARTS) + len(LISTS))
    expect(page.locator(".body[aria-busy]")).to_have_count(0)
    return page


def total(page: Page) -> Locator:
    """Return the legend of the documents: each label with its count."""
    return panel(page, CHARTS[0]).locator(".legend li")
