"""What each column of the documents costs, by its codec and by others: bytes a document.

python -m tests.bench.column_sizes --data FOLDER [--documents 20000]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from streams.backends.clickhouse import open_warehouse
from tests.bench.trend_documents import batches, real_texts

if TYPE_CHECKING:
    from streams.backends.clickhouse import ClickHouseWarehouse

_PLAIN = ("LZ4", "ZSTD(1)", "ZSTD(3)")
_ORDERED = ("LZ4", "ZSTD(1)", "Delta, ZSTD(1)", "DoubleDelta, ZSTD(1)")
_COUNTED = ("LZ4", "ZSTD(1)", "T64, ZSTD(1)", "Delta, ZSTD(1)")
_FLOATS = ("LZ4", "ZSTD(1)", "Gorilla, ZSTD(1)")
CODECS = {
    **dict.fromkeys(
        ("doc_id", "text", "title", "summary", "terms", "phrases", "embedding"), _PLAIN
    ),
    **dict.fromkeys(("source", "label"), ("LZ4", "ZSTD(1)")),
    **dict.fromkeys(("published_at", "received_at", "offset", "version"), _ORDERED),
    **dict.fromkeys(("tokens", "characters", "term_counts", "signature"), _COUNTED),
    **dict.fromkeys(("confidence", "inference_ms"), _FLOATS),
}
"""What is tried for a column."""

_LOW = re.compile(r"LowCardinality\((.*)\)")


def sizes(warehouse: ClickHouseWarehouse) -> list[tuple[str, str, str, float, bool]]:
    """Return column, type, codec, bytes a document, and whether it is the one that is used."""
    columns = warehouse.query(
        "SELECT name, type, compression_codec FROM system.columns "
        "WHERE database = currentDatabase() AND table = 'documents_raw'"
    ).rows
    found = []
    for name, kind, codec in columns:
        used = re.sub(r"Delta\(\d\)", "Delta", str(codec).removeprefix("CODEC(")[:-1]) or "LZ4"
        plain = _LOW.sub(r"\1", str(kind))
        for one in CODECS.get(name, ()):
            for typed in dict.fromkeys((str(kind), plain)):
                size = _size(warehouse, name, typed, one)
                found.append((name, typed, one, size, one == used and typed == kind))
    return found


def _size(warehouse: ClickHouseWarehouse, name: str, kind: str, codec: str) -> float:
    """Write a column alone, in the order of the table, and look at its file."""
    warehouse.execute("DROP TABLE IF EXISTS sized SYNC")
    warehouse.execute(
        f"CREATE TABLE sized (`{name}` {kind} CODEC({codec})) ENGINE = MergeTree ORDER BY tuple()"
        " SETTINGS min_bytes_for_wide_part = 0"
    )
    warehouse.execute(
        f"INSERT INTO sized SELECT `{name}` FROM documents_raw FINAL "
        "ORDER BY published_hour, source, doc_id"
    )
    warehouse.execute("OPTIMIZE TABLE sized FINAL")
    rows = warehouse.query(
        "SELECT sum(column_data_compressed_bytes) / (SELECT count() FROM sized) "
        "FROM system.parts_columns "
        "WHERE database = currentDatabase() AND table = 'sized' AND active"
    ).rows
    return float(rows[0][0])


def main() -> int:
    """Land documents made from real ones, then write each column by each codec."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=20_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_warehouse(f"chdb://{Path(folder) / 'clickhouse'}")) as warehouse,
    ):
        for batch in batches(real_texts(options.data), options.documents, options.documents // 4):
            warehouse.write_documents(batch)
        for name, kind, codec, size, used in sizes(warehouse):
            sys.stdout.write(f"{name:14} {kind:28} {codec:22} {size:8.1f} {'*' if used else ''}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
