"""``tidemark doctor``: what is reachable, what is missing, and what to do."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.config import Settings

State = Literal["ok", "note", "failing"]
_LEAST_FREE = 1 << 30
_LEAST_FREE_OF_A_WORKER = 16 << 20
_NEEDS = {"topics": "kafka"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; the detail says what to do where it is not well."""

    name: str
    state: State
    detail: str


def examine(settings: Settings) -> list[Check]:
    """Look at everything that the settings ask for; changes nothing."""
    checks: tuple[tuple[str, Callable[[Settings], Check]], ...] = (
        ("python", _python),
        ("data folder", _data),
        ("model", _model),
        ("device", _device),
        ("kafka", _kafka),
        ("topics", _topics),
        ("clickhouse", _clickhouse),
        ("schema registry", _registry),
        ("status page", _page),
    )
    found: dict[str, Check] = {}
    for name, check in checks:
        needed = found.get(_NEEDS.get(name, ""))
        if needed is not None and needed.state == "failing":
            found[name] = Check(name, "note", f"not looked at: {needed.name} has to be well first")
        else:
            found[name] = _guarded(name, check, settings)
    return list(found.values())


def _guarded(name: str, check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except TidemarkError as error:
        return Check(name, "failing", str(error))
    except Exception as error:  # noqa: BLE001 - a diagnosis goes on to its end
        return Check(name, "failing", f"{type(error).__name__}: {error}")


def _python(_settings: Settings) -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    well = (3, 10) <= sys.version_info[:2] <= (3, 13)
    detail = version if well else f"{version}; Tidemark needs 3.10 to 3.13: make PYTHON=python3.11"
    return Check("python", "ok" if well else "failing", detail)


def _data(settings: Settings) -> Check:
    folder = settings.data.resolve()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return Check(
            "data folder", "failing", f"{folder} cannot be written: set TIDEMARK_DATA to another"
        )
    free = shutil.disk_usage(nearest).free
    if free < _needed(settings):
        detail = f"{folder} has {free >> 20} MiB free: free some, or set TIDEMARK_DATA"
        return Check("data folder", "failing", detail)
    return Check("data folder", "ok", f"{folder}, {free >> 30} GiB free")


def _needed(settings: Settings) -> int:
    """Bytes that the data folder must have free: a worker of servers keeps almost nothing there."""
    embedded = settings.kafka in {"auto", "local", "in-process"}
    if embedded or settings.clickhouse_url.startswith("chdb:"):
        return _LEAST_FREE
    return _LEAST_FREE_OF_A_WORKER


def _model(settings: Settings) -> Check:
    from models.manifest import pinned  # noqa: PLC0415 - heavy import
    from models.reachable import unreachable  # noqa: PLC0415
    from models.registry import Registry  # noqa: PLC0415

    registry, name = Registry(settings.data), settings.model
    listed = next((item for item in registry.list() if item.model.name == name), None)
    if listed is not None and listed.card is not None:
        registry.verify(name)
        return Check("model", "ok", f"{name}, verified, in {listed.folder}")
    model = listed.model if listed is not None else pinned(name)
    reasons = unreachable(model)
    if not reasons:
        detail = f"{name} is not there yet: it is fetched at first use, or tidemark models pull"
        return Check("model", "note", detail)
    files = ", ".join(f"{file.name} (sha256 {file.sha256})" for file in model.files)
    folder = settings.data.resolve() / "models" / f"{name}.files"
    return Check(
        "model",
        "failing",
        f"{name} is not there and no source answers: connect this machine once, or put {files} "
        f"into {folder} and run tidemark models pull {name}. " + "; ".join(reasons),
    )


def _device(settings: Settings) -> Check:
    import ctranslate2  # noqa: PLC0415 - heavy import

    cards = ctranslate2.get_cuda_device_count()
    if settings.device == "cuda" and not cards:
        detail = "TIDEMARK_DEVICE=cuda, but no CUDA device or library is here: set it to auto"
        return Check("device", "failing", detail)
    if cards and settings.device != "cpu":
        return Check("device", "ok", f"cuda, {cards} device(s)")
    return Check("device", "ok", f"cpu, {os.cpu_count()} cores")


def _kafka(settings: Settings) -> Check:
    from streams.backends.kafka.address import check_reachable, parse_addresses  # noqa: PLC0415
    from streams.backends.kafka.ports import answers  # noqa: PLC0415
    from streams.backends.kafka.security import security_from_settings  # noqa: PLC0415
    from streams.backends.kafka.sharing import read_record  # noqa: PLC0415

    security = security_from_settings(settings)
    if settings.kafka not in {"auto", "local", "in-process"}:
        check_reachable(parse_addresses(settings.kafka), security, 10.0)
        return Check("kafka", "ok", f"{settings.kafka} answers")
    record = read_record(settings.data)
    if record is not None and any(answers(one) for one in record.bootstrap.split(",")):
        detail = f"{record.kind} runs at {record.bootstrap}, owned by process {record.pid}"
        return Check("kafka", "ok", detail)
    return _startable(settings)


def _startable(settings: Settings) -> Check:
    from streams.backends.kafka.jars import pinned_version  # noqa: PLC0415
    from streams.backends.kafka.java import find_java  # noqa: PLC0415

    if settings.kafka == "in-process":
        return Check("kafka", "ok", "the in-process cluster starts with tidemark run; not durable")
    try:
        java = find_java(os.environ)
    except TidemarkError as error:
        if settings.kafka == "local":
            raise
        detail = f"in-process cluster, for trying out, not durable, because {error}"
        return Check("kafka", "note", detail)
    cached = settings.data / "kafka" / f"jars-{pinned_version()}"
    if not cached.is_dir() and shutil.which("mvn") is None and "KAFKA_HOME" not in os.environ:
        detail = "Java is there, Maven is not: install it, or set KAFKA_HOME to an Apache Kafka 4"
        return Check("kafka", "failing" if settings.kafka == "local" else "note", detail)
    first = "" if cached.is_dir() else "; its jars are fetched through Maven at the first start"
    detail = f"a local Apache Kafka can be started with {java.executable}{first}"
    return Check("kafka", "ok", detail)


def _topics(settings: Settings) -> Check:
    from streams.backends.kafka.offsets import OffsetReader  # noqa: PLC0415
    from streams.backends.kafka.ports import answers  # noqa: PLC0415
    from streams.backends.kafka.security import security_from_settings  # noqa: PLC0415
    from streams.backends.kafka.sharing import read_record  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    bootstrap = settings.kafka
    if bootstrap in {"auto", "local", "in-process"}:
        record = read_record(settings.data)
        if record is None or not any(answers(one) for one in record.bootstrap.split(",")):
            return Check("topics", "note", "no broker runs yet; they are made when one starts")
        bootstrap = record.bootstrap
    topics = Topics(settings.topic_prefix)
    with OffsetReader(bootstrap, security_from_settings(settings), 5.0) as reader:
        missing = [name for name in topics.all if not reader.partitions(name)]
    if missing:
        detail = f"missing: {', '.join(missing)}; run tidemark topics create"
        return Check("topics", "note", detail)
    return Check("topics", "ok", f"all {len(topics.all)} are there")


def _clickhouse(settings: Settings) -> Check:
    from streams.backends.clickhouse import NothingLanded, open_reader  # noqa: PLC0415

    url = settings.clickhouse_url
    password = settings.secret("clickhouse_password")
    try:
        reader = open_reader(
            url,
            password=password,
            ca=settings.clickhouse_ca,
            token=settings.secret("web_token"),
        )
    except NothingLanded as error:
        return Check("clickhouse", "note", f"{error}; tidemark run makes it")
    try:
        version = reader.query("SELECT version()").rows[0][0]
    finally:
        reader.close()
    return Check("clickhouse", "ok", f"ClickHouse {version} answers")


def _registry(settings: Settings) -> Check:
    from schemas.codec import codec_for  # noqa: PLC0415
    from streams.backends.schema_registry import registry_access, values_of  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    access = registry_access(settings)
    if access is None:
        return Check("schema registry", "ok", "none configured: Avro single-object encoding")
    codec_for(access).announce(values_of(Topics(settings.topic_prefix)))
    return Check("schema registry", "ok", f"{access.shown} answers")


def _page(settings: Settings) -> Check:
    from streams.dashboard.access import WebAccess  # noqa: PLC0415
    from streams.runtime.web_port import choose_port  # noqa: PLC0415

    WebAccess.of(settings)
    host, port = choose_port(settings.web_host, settings.web_port)
    return Check("status page", "ok", f"{host}:{port} is free")
