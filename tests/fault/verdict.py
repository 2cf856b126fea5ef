"""What ClickHouse and the dead-letter topic say when all is drained, against what was published.

Every figure counts errors: all of them are zero when nothing was lost and nothing is doubled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import clickhouse_connect

from schemas.codec import codec_for
from schemas.messages import DeadLetter
from streams.backends.clickhouse.address import Server, parse_address
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.security import KafkaSecurity
from tests.fault.published import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

    from streams.topics import Topics
    from tests.fault.published import Bad, Published

_BYTES = (
    "if(isNull({0}), NULL, lower(hex(SHA256(assumeNotNull({0})))))"  # a column of nullable bytes
)
Letter = tuple[int, int, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of errors by name, and figures that are no errors."""

    errors: dict[str, int]
    figures: dict[str, int]

    @property
    def well(self) -> bool:
        """Whether nothing was lost or doubled."""
        return not any(self.errors.values())

    def report(self) -> dict[str, Any]:
        """Return it for a report: lost and doubled in all, then every count."""
        return {
            "lost": sum(n for name, n in self.errors.items() if name.endswith("_lost")),
            "doubled": sum(n for name, n in self.errors.items() if name.endswith("_doubled")),
            **self.figures,
            "errors": {name: count for name, count in self.errors.items() if count},
            "checks": len(self.errors),
        }


def judge(url: str, bootstrap: str, topics: Topics, published: Published) -> Verdict:
    """Compare; everything must have been drained before."""
    letters = _letters_in_topic(bootstrap, topics)
    with _open(url) as client:
        errors = {
            **_documents(client, published),
            **_deliveries(client, topics.documents, published),
            **_dead_letters(client, topics.documents, published),
            **_topic_letters(letters, published),
            **_windows(client, published),
            **_ledger(client, topics.documents, published),
        }
    figures = {
        "documents": len(published.documents),
        "damaged": len(published.bad),
        "dead_letters_again": len(letters) - len(set(letters)),
    }
    return Verdict(errors, figures)


def _open(url: str) -> Client:
    address = parse_address(url)
    assert isinstance(address, Server)
    client = clickhouse_connect.get_client(
        host=address.host, port=address.port, username=address.user, password=address.password
    )
    client.database = address.database
    return client


def _rows(client: Client, sql: str) -> Sequence[Sequence[Any]]:
    return client.query(sql).result_rows


def _documents(client: Client, published: Published) -> dict[str, int]:
    rows = [(row[0], row[1]) for row in _rows(client, "SELECT source, doc_id FROM documents")]
    trends = _rows(client, "SELECT sum(documents) FROM label_trends")[0][0]
    return {
        "documents_lost": len(published.identities - set(rows)),
        "documents_doubled": len(rows) - len(set(rows)),
        "documents_unknown": len(set(rows) - published.identities),
        "documents_wrong_in_label_trends": abs(int(trends) - len(published.identities)),
    }


def _deliveries(client: Client, topic: str, published: Published) -> dict[str, int]:
    rows = _rows(
        client,
        "SELECT partition, offset, outcome, source, doc_id FROM deliveries "
        f"WHERE topic = '{topic}'",
    )
    fates = [(int(row[0]), int(row[1])) for row in rows]
    landed = {(int(r[0]), int(r[1])): (r[3], r[4]) for r in rows if r[2] == "landed"}
    dead = {(int(row[0]), int(row[1])) for row in rows if row[2] == "dead-lettered"}
    return {
        "deliveries_lost": len(published.places - set(fates)),
        "deliveries_doubled": len(fates) - len(set(fates)),
        "deliveries_unknown": len(set(fates) - published.places),
        "deliveries_of_others": sum(
            published.documents.get(place) != identity for place, identity in landed.items()
        ),
        "deliveries_with_wrong_fate": len(dead ^ set(published.bad)),
    }


def _dead_letters(client: Client, topic: str, published: Published) -> dict[str, int]:
    rows = _rows(
        client,
        f"SELECT partition, offset, {_BYTES.format('key')}, {_BYTES.format('value')}, "
        f"code, reason FROM dead_letters WHERE topic = '{topic}'",
    )
    found = [(int(row[0]), int(row[1]), row[2], row[3]) for row in rows]
    codes = {(int(row[0]), int(row[1])): row[4] for row in rows}
    expected = {_letter(place, bad) for place, bad in published.bad.items()}
    return {
        "dead_letters_lost": len(expected - set(found)),
        "dead_letters_doubled": len(found) - len(set(found)),
        "dead_letters_unknown": len(set(found) - expected),
        "dead_letters_without_reason": sum(not row[5] for row in rows),
        "dead_letters_with_wrong_code": sum(
            codes.get(place) not in bad.codes for place, bad in published.bad.items()
        ),
    }


def _topic_letters(letters: Sequence[Letter], published: Published) -> dict[str, int]:
    expected = {_letter(place, bad) for place, bad in published.bad.items()}
    return {
        "dead_letters_in_topic_lost": len(expected - set(letters)),
        "dead_letters_in_topic_unknown": len(set(letters) - expected),
    }


def _letters_in_topic(bootstrap: str, topics: Topics) -> list[Letter]:
    codec = codec_for()
    messages = read_topic(
        bootstrap, KafkaSecurity(), topics.dead_letters, from_beginning=True, follow=False
    )
    found = [codec.decode(DeadLetter, message.value) for message in messages]
    return [(one.partition, one.offset, digest(one.key), digest(one.value)) for one in found]


def _letter(place: tuple[int, int], bad: Bad) -> Letter:
    return (*place, bad.key, bad.value)


def _windows(client: Client, published: Published) -> dict[str, int]:
    counted = int(_rows(client, "SELECT sum(documents) FROM drift_windows")[0][0])
    keys = "source, window_seconds, window_start"
    doubled = _rows(client, f"SELECT count() - uniqExact({keys}) FROM drift_windows")[0][0]
    alerts = _rows(client, "SELECT count() - uniqExact(source, alert_id) FROM drift_alerts")
    missing = len(published.identities) - counted
    return {
        "documents_in_windows_lost": max(0, missing),
        "documents_in_windows_doubled": max(0, -missing),
        "windows_doubled": int(doubled),
        "alerts_doubled": int(alerts[0][0]),
    }


def _ledger(client: Client, topic: str, published: Published) -> dict[str, int]:
    sums = "sum(received), sum(landed), sum(dead_lettered), sum(missing)"
    received, landed, dead, missing = map(
        int, _rows(client, f"SELECT {sums} FROM ledger WHERE topic = '{topic}'")[0]
    )
    # Nothing was lost here: whatever it told on the way, it cried wolf.
    gaps = _rows(client, "SELECT count() FROM ledger_gaps")[0][0]
    alerts = _rows(client, "SELECT count() FROM drift_alerts WHERE kind = 'ledger'")[0][0]
    return {
        "ledger_false_gaps": int(gaps),
        "ledger_false_alerts": int(alerts),
        "ledger_received_wrong": abs(received - len(published.places)),
        "ledger_landed_wrong": abs(landed - len(published.documents)),
        "ledger_dead_lettered_wrong": abs(dead - len(published.bad)),
        "ledger_missing": missing,
    }
