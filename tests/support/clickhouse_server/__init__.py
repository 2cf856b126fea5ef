"""ClickHouse's HTTP interface over the real engine, in a process of its own, with faults to order.

    with running_clickhouse(folder) as server:
        open_warehouse(server.url)              # any number of processes, through the real client
        server.fail(Fault(every=2, code=252))   # every second insert: too many parts
        server.heal()
        server.kill()                           # SIGKILL; start() comes back on the same port

What is real: SQL, storage, Native decoding, errors and their codes are the engine's; requests come
over TCP (TLS) from the unchanged client. What is emulated: HTTP itself, users, sessions, statuses.
"""

from __future__ import annotations

from tests.support.clickhouse_server.counts import Counts
from tests.support.clickhouse_server.faults import Fault
from tests.support.clickhouse_server.process import (
    ClickHouseServer,
    ServerTls,
    running_clickhouse,
)

__all__ = ["ClickHouseServer", "Counts", "Fault", "ServerTls", "running_clickhouse"]
