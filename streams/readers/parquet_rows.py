"""Rows of Parquet files, read a small batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.readers.columns import Refused, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_BATCH_ROWS = 256


def parquet_rows(
    path: Path, check: Callable[[Sequence[str]], str | None], report: Callable[[int], None]
) -> Iterator[Row | Refused]:
    """Yield the rows of a file; ``report`` is told its size in portions, by rows read."""
    from pyarrow import ArrowException  # noqa: PLC0415 - heavy, only for Parquet
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415

    row = 0
    size = path.stat().st_size
    try:
        with ParquetFile(path) as file:
            reason = check(file.schema_arrow.names)
            if reason is not None:
                yield Refused(str(path), reason)
                return
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for values in batch.to_pylist():
                    row += 1
                    yield Row(f"{path}:row {row}", values)
                report(size * batch.num_rows // max(1, file.metadata.num_rows))
    except (ArrowException, OSError) as error:
        line = str(error).splitlines()[0]
        yield Refused(f"{path}:row {row + 1}", f"cannot be read from here on: {line}")
