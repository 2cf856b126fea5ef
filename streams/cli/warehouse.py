"""``tidemark migrate``: make the tables, or bring them up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.config import load_settings


def migrate(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL and connect to nothing.")
    ] = False,
) -> None:
    """Make the tables and views of the configured ClickHouse, or bring them up to date.

    Every statement may be repeated; what was applied is recorded in `schema_migrations`. Rows are
    kept as long as TIDEMARK_KEEP_DOCUMENTS and its like say.

    Example: `tidemark migrate --dry-run > schema.sql`
    """
    from streams.backends.clickhouse import open_warehouse, parse_address  # noqa: PLC0415 - heavy
    from streams.backends.clickhouse.ddl import target_of  # noqa: PLC0415

    settings = load_settings()
    password = settings.secret("clickhouse_password")
    if dry_run:
        from schemas.migrate import script  # noqa: PLC0415
        from schemas.retention import script as retention_script  # noqa: PLC0415

        address = parse_address(settings.clickhouse_url, password=password)
        typer.echo(script(target_of(address)), nl=False)
        typer.echo(retention_script(target_of(address), settings.kept), nl=False)
        return
    warehouse = open_warehouse(
        settings.clickhouse_url, password=password, ca=settings.clickhouse_ca, migrate=False
    )
    try:
        applied = warehouse.migrate()
        changed = warehouse.retain(settings.kept)
    finally:
        warehouse.close()
    typer.echo(f"applied {', '.join(applied)}" if applied else "the tables are up to date")
    if changed:
        typer.echo(f"changed how long rows are kept in {', '.join(changed)}")
