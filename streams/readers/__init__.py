"""Documents from files, folders and standard input, one at a time.

CSV, JSON lines, JSON arrays, Parquet and plain text, also compressed; nothing is held in memory but
the record at hand. What is no document comes out as ``Refused`` with its place and the reason.
"""

from __future__ import annotations

from streams.readers.columns import Columns, Found, Refused, values_of
from streams.readers.inputs import check_inputs, read_documents, total_bytes

__all__ = [
    "Columns",
    "Found",
    "Refused",
    "check_inputs",
    "read_documents",
    "total_bytes",
    "values_of",
]
