"""A ClickHouse HTTP server over the real engine, in a process of its own, that can be made to fail.

It speaks the interface that clickhouse-connect uses, reads and writes, and lets several processes
share one database. It is no ClickHouse server: there are no users but one, no clusters, no quotas.

    with running_clickhouse(folder) as server:
        os.environ["TIDEMARK_CLICKHOUSE"] = server.url
        server.fail(Fault(every=2, code=252))
        server.heal()
"""

from tests.support.clickhouse_server.faults import Fault
from tests.support.clickhouse_server.process import (
    ClickHouseServer,
    Counts,
    ServerTls,
    running_clickhouse,
)

__all__ = ["ClickHouseServer", "Counts", "Fault", "ServerTls", "running_clickhouse"]
