"""Ask OSV whether a locked package has a known vulnerability: ``make audit``.

The service is https://osv.dev, which gathers PyPI's advisories; its API: ``post-v1-querybatch`` and
``get-v1-vulns``. One request for all packages, one for each finding. Exit code 0 where nothing is
known, 1 where something is, 75 (try again later) where the service cannot be asked.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
SERVICE = "https://api.osv.dev"
FOUND, NOT_ASKED = 1, 75
_SECONDS = 20.0
_MOST_PAGES = 20
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, order=True, slots=True)
class Package:
    """A pinned package."""

    name: str
    version: str


class NotAskedError(Exception):
    """The service does not answer, or not as it should: nothing is known either way."""


def pinned(lock: str) -> list[Package]:
    """Read the packages of a lock file, those of other Pythons and systems too."""
    return sorted({Package(*match.groups()) for match in _PINNED.finditer(lock)})


def audit(packages: Sequence[Package], service: str) -> dict[Package, list[str]]:
    """Return the ids of known vulnerabilities by package, where there are any.

    Raises:
        NotAskedError: the service cannot be asked.
    """
    found: dict[Package, list[str]] = {}
    asked = [(package, "") for package in packages]
    for _ in range(_MOST_PAGES):
        if not asked:
            return found
        asked = _ask_page(asked, service, found)
    raise NotAskedError("it has more pages than it should")


def _ask_page(
    asked: Sequence[tuple[Package, str]], service: str, found: dict[Package, list[str]]
) -> list[tuple[Package, str]]:
    answer = _request(f"{service}/v1/querybatch", {"queries": [_query(*one) for one in asked]})
    results = answer.get("results")
    if not isinstance(results, list) or len(results) != len(asked):
        raise NotAskedError("its answer does not fit the question")
    more = []
    for (package, _), result in zip(asked, results, strict=True):
        ids = [str(one["id"]) for one in result.get("vulns", [])]
        if ids:
            found.setdefault(package, []).extend(ids)
        if result.get("next_page_token"):
            more.append((package, str(result["next_page_token"])))
    return more


def _query(package: Package, page: str) -> dict[str, Any]:
    named = {"name": package.name, "ecosystem": "PyPI"}
    query: dict[str, Any] = {"package": named, "version": package.version}
    return query | ({"page_token": page} if page else {})


def _request(url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - whoever runs it names it
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise NotAskedError(f"HTTP {error.code}") from error
    except (OSError, ValueError) as error:
        raise NotAskedError(str(getattr(error, "reason", error))) from error
    if not isinstance(found, dict):
        raise NotAskedError("its answer is no object")
    return found


def _describe(number: str, service: str) -> str:
    try:
        about = _request(f"{service}/v1/vulns/{number}")
    except NotAskedError as reason:
        return f"{number} (its description cannot be read: {reason})"
    names = ", ".join(about.get("aliases", []))
    told = str(about.get("summary") or about.get("details") or "").splitlines()
    repaired = sorted(
        {
            event["fixed"]
            for affected in about.get("affected", [])
            for part in affected.get("ranges", [])
            for event in part.get("events", [])
            if part.get("type") == "ECOSYSTEM" and "fixed" in event
        }
    )
    then = f"; repaired in {', '.join(repaired)}" if repaired else "; no repair is known"
    return f"{number}{f' ({names})' if names else ''}: {told[0] if told else ''}{then}"


def _accepted(project: Path) -> dict[str, str]:
    """Read ``[tool.tidemark.audit]``: findings that were looked at, and why each is no harm."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))
    accepted: dict[str, str] = table.get("tool", {}).get("tidemark", {}).get("audit", {})
    return accepted


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit lock files; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("locks", nargs="*", type=Path, default=[ROOT / "requirements-dev.lock"])
    parser.add_argument("--service", default=SERVICE)
    parser.add_argument("--project", type=Path, default=ROOT / "pyproject.toml")
    parser.add_argument(
        "--where-reachable", action="store_true", help="exit 0 where the service cannot be asked"
    )
    options = parser.parse_args(arguments)
    packages = sorted({one for lock in options.locks for one in pinned(lock.read_text("utf-8"))})
    if not packages:
        _tell(f"no package is pinned in {', '.join(map(str, options.locks))}: nothing was checked")
        return FOUND
    try:
        found = audit(packages, options.service)
    except NotAskedError as reason:
        _tell(f"SKIPPED, nothing was checked: {options.service} cannot be asked ({reason})")
        return 0 if options.where_reachable else NOT_ASKED
    return _report(packages, found, _accepted(options.project), options.service)


def _report(
    packages: Sequence[Package],
    found: Mapping[Package, Sequence[str]],
    accepted: Mapping[str, str],
    service: str,
) -> int:
    open_ones = 0
    for package, numbers in found.items():
        for number in numbers:
            if number in accepted:
                _tell(f"accepted {package.name} {package.version}: {number}: {accepted[number]}")
                continue
            open_ones += 1
            _tell(f"VULNERABLE {package.name} {package.version}: {_describe(number, service)}")
    if open_ones:
        _tell(f"{open_ones} known vulnerabilities in {len(packages)} locked packages")
        return FOUND
    _tell(f"no known vulnerability in {len(packages)} locked packages")
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(f"audit: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
