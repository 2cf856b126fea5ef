"""axe-core's judgement of a page's accessibility."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.npm_packages import NpmPackage

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PACKAGE = NpmPackage(
    "axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
)
_SERIOUS = {"serious", "critical"}


def findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical: rule, elements, and what is wrong.

    Raises:
        NotToBeHad: axe-core is not there and cannot be fetched.
    """
    source = (_PACKAGE.unpacked() / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert len(result["passes"]) > 10, "axe has looked at next to nothing"
    return [
        f"{found['id']}: {node['target']} {node['failureSummary']}"
        for found in result["violations"]
        if found["impact"] in _SERIOUS
        for node in found["nodes"]
    ]
