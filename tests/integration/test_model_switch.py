"""Models change while documents flow: none is lost, none doubled, and each row says its model."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from streams.backends.clickhouse import open_warehouse
from streams.runtime.choice import write_choice
from tests.support.brokers import nothing_left, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    settings_for,
)

if TYPE_CHECKING:
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.kafka.broker import Broker
    from streams.config import Settings
    from streams.ports import Inference, ModelCard

__all__ = ["nothing_left", "own_settings"]

COUNT = 400


class Version(FakeEnricher):
    """A model whose card and results both say which version it is; notes that it is in use."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.in_use = False  # its card is first asked for when it has taken over

    @property
    def card(self) -> ModelCard:
        self.in_use = True
        name = self._name
        return replace(super().card, classifier=name, compute_type=f"int8-{name}", prompt=name)

    def post(self, encoded: object) -> list[Inference]:
        return [replace(one, summary=self._name) for one in super().post(encoded)]


async def test_rows_before_carry_the_old_model_and_rows_after_the_new(
    in_process: Broker, tmp_path: Path
) -> None:
    """Twice in one run, under load; every row's model is that which made it."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("switch"), classifier="one")
    platform, found = platform_on(in_process, settings), documents(4 * COUNT)
    loaded: list[Version] = []

    def load(wanted: Settings) -> Version:
        loaded.append(Version(wanted.classifier))
        return loaded[-1]

    def changed(times: int) -> bool:
        return len(loaded) == times and loaded[-1].in_use

    with closing(open_warehouse(settings.clickhouse_url)) as warehouse:
        parts = replace(parts_of(warehouse, Version("one")), load=load)
        async with running(platform, parts) as session:
            publish(platform, found[:COUNT])
            await session.until(lambda: _by_model(warehouse).get("one", 0) == COUNT)
            publish(platform, found[COUNT : 2 * COUNT])  # on their way while the model changes
            write_choice(settings.data, {"classifier": "two"})
            await session.until(lambda: changed(1))
            publish(platform, found[2 * COUNT : 3 * COUNT])
            await session.finish()
            write_choice(settings.data, {})
            await session.until(lambda: changed(2))
            publish(platform, found[3 * COUNT :])
            await session.finish()
        models = _by_model(warehouse)
        assert sum(models.values()) == 4 * COUNT
        assert models["two"] >= COUNT
        untrue = "SELECT count() FROM documents WHERE summary != classifier OR prompt != classifier"
        assert int(warehouse.query(untrue).rows[0][0]) == 0
        ledger = "SELECT sum(received), sum(landed), sum(missing) FROM ledger"
        assert [int(value) for value in warehouse.query(ledger).rows[0]] == [
            4 * COUNT,
            4 * COUNT,
            0,
        ]
        late = {one.doc_id for one in found[3 * COUNT :]}
        ones = warehouse.query("SELECT doc_id FROM documents WHERE classifier = 'one'")
        assert late <= set(ones.column("doc_id"))


def _by_model(warehouse: ClickHouseWarehouse) -> dict[str, int]:
    rows = warehouse.query("SELECT classifier, count() FROM documents GROUP BY classifier").rows
    return {str(name): int(number) for name, number in rows}
