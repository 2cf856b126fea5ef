"""Every setting of Tidemark, typed and documented, read once at the entry point.

Order of precedence: command line, environment (``TIDEMARK_*``), ``tidemark.toml`` in the current
folder, default. Secrets come from the environment or from a file named by ``TIDEMARK_*_FILE``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from typing_extensions import Self

from schemas.retention import Retention
from streams.errors import Misconfigured
from streams.secret_texts import hide
from streams.setting_types import (
    Devices,
    Duration,
    Guarding,
    OptionalDuration,
    Rate,
    Redaction,
    Renewal,
    SaslMechanism,
    SecretName,
    told,
)

CONFIG_FILE = "tidemark.toml"


class Settings(BaseSettings):
    """All settings; a test fails when one has no description or is missing in the README."""

    model_config = SettingsConfigDict(
        env_prefix="TIDEMARK_",
        toml_file=CONFIG_FILE,
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
        # What was given for a setting may be a secret, and errors are shown.
        hide_input_in_errors=True,
    )

    data: Path = Field(Path(".tidemark"), description="Folder of embedded data and weights.")
    # --- Kafka
    kafka: str = Field(
        "auto",
        description="`local` (an Apache Kafka node started on this machine; needs Java 17), "
        "`in-process` (librdkafka's cluster; for trying out, not durable), `auto` (local where "
        "it can be had, else in-process), or `host:port,...`.",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to speak to the brokers."
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        "SCRAM-SHA-512",
        description="SASL mechanism of the SASL protocols: `PLAIN`, `SCRAM-SHA-256`, "
        "`SCRAM-SHA-512` or `OAUTHBEARER`.",
    )
    kafka_username: str | None = Field(None, description="SASL user.")
    kafka_password: SecretStr | None = Field(None, description="SASL password.")
    kafka_password_file: Path | None = Field(None, description="File with the SASL password.")
    kafka_ca: Path | None = Field(None, description="CA certificates that sign the brokers' (PEM).")
    kafka_certificate: Path | None = Field(None, description="Client certificate (PEM).")
    kafka_key: Path | None = Field(None, description="Client key (PEM).")
    kafka_key_password: SecretStr | None = Field(
        None, description="Password of the client key, where it is encrypted."
    )
    kafka_key_password_file: Path | None = Field(
        None, description="File with the password of the client key."
    )
    kafka_oauth_token_url: str | None = Field(
        None,
        description="Where OAUTHBEARER gets its tokens (OAuth 2.0 client credentials; `https://`, "
        "or `http://` on this machine).",
    )
    kafka_oauth_client_id: str | None = Field(None, description="OAuth client.")
    kafka_oauth_client_secret: SecretStr | None = Field(
        None, description="Secret of the OAuth client."
    )
    kafka_oauth_client_secret_file: Path | None = Field(
        None, description="File with the secret of the OAuth client."
    )
    kafka_oauth_scope: str | None = Field(
        None, description="Scope that is asked for, where the issuer wants one."
    )
    kafka_oauth_ca: Path | None = Field(
        None, description="CA that signs the token endpoint's certificate (PEM)."
    )
    schema_registry: str | None = Field(
        None,
        description="URL of a Confluent-compatible registry; then messages have the Confluent "
        "wire format, else Avro single-object encoding.",
    )
    schema_registry_username: str | None = Field(None, description="User of the registry.")
    schema_registry_password: SecretStr | None = Field(None, description="Its password.")
    schema_registry_password_file: Path | None = Field(None, description="File with the password.")
    schema_registry_ca: Path | None = Field(
        None, description="CA that signs the registry's certificate (PEM)."
    )
    schema_registry_certificate: Path | None = Field(
        None, description="Client certificate for the registry (PEM)."
    )
    schema_registry_key: Path | None = Field(
        None, description="Key of that certificate, where the file does not hold it (PEM)."
    )
    topic_prefix: str = Field("tidemark", description="First part of all topic names.")
    partitions: int = Field(4, ge=1, le=1000, description="Partitions of topics that are created.")
    replication: int = Field(
        1,
        ge=1,
        le=9,
        description="Replicas of topics that are created; all but one have to be in sync.",
    )
    retention: Duration = Field("7d", description="How long the documents topic keeps messages.")
    retention_enriched: Duration = Field(
        "7d", description="How long the topic of enriched documents does."
    )
    retention_results: Duration = Field(
        "30d",
        description="How long the topics of statistics, alerts, people's labels and shadows do.",
    )
    retention_dead_letters: Duration = Field("30d", description="How long the dead letters do.")
    retention_bytes: int = Field(
        -1,
        ge=-1,
        description="Largest size of a partition of documents or enriched documents; "
        "-1 for no limit.",
    )
    # --- ClickHouse
    clickhouse: str | None = Field(
        None,
        description="`chdb:///folder` (embedded engine; the default, in the data folder) or "
        "`clickhouse://user@host:8123/tidemark` (`clickhouses://` for TLS).",
    )
    clickhouse_password: SecretStr | None = Field(None, description="ClickHouse password.")
    clickhouse_password_file: Path | None = Field(
        None, description="File with the ClickHouse password."
    )
    clickhouse_ca: Path | None = Field(None, description="CA that signs the server's certificate.")
    keep_documents: OptionalDuration = Field(
        "off",
        description="How long ClickHouse keeps documents, with the trends of their days, after the "
        "day of their publication; `off` for ever, as for the three that follow.",
    )
    keep_embeddings: OptionalDuration = Field(
        "off", description="How long it keeps the embeddings of documents that it keeps."
    )
    keep_dead_letters: OptionalDuration = Field(
        "off", description="How long it keeps dead letters, after the day of their arrival."
    )
    keep_statistics: OptionalDuration = Field(
        "off", description="How long it keeps windows of statistics, sketches and topics."
    )
    receipts: Literal["asked", "all", "none"] = Field(
        "asked",
        description="Who is told on the receipts topic what became of a message: producers that "
        "ask by the header `tidemark-receipt`, `all`, or `none`.",
    )
    ledger_interval: Duration = Field(
        "10s", description="How often the land role looks whether the ledger adds up."
    )
    # --- models
    model: str = Field("all-minilm-l6-v2", description="Embedding model, a name of the manifest.")
    classifier: str = Field(
        "zero-shot",
        description="What labels: `zero-shot` (label descriptions, in the one pass), or the name "
        "of a trained head (`tidemark models train-classifier`), of a classifier or of a model of "
        "inference (`tidemark models list`).",
    )
    summarizer: str = Field(
        "extractive",
        description="What summarizes: `extractive` (sentences, in the one pass), or the name of a "
        "model that writes.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where inference runs.")
    compute_type: str = Field(
        "auto", description="`auto`, `int8`, `int8_float16`, `float16`, `float32`, ..."
    )
    threads: int = Field(0, ge=0, description="CPU threads of inference; 0 for all cores.")
    device_index: Devices = Field(
        "0", description="GPUs that the models are loaded on: their numbers, with commas between."
    )
    replicas: int = Field(1, ge=1, le=16, description="Calls at a time on each GPU.")
    labels: dict[str, str] | Path | None = Field(
        None,
        description="Zero-shot classes: label -> one-line description, as JSON, as a table in "
        "tidemark.toml, or the path of a JSON file; built in when absent.",
    )
    unsure_below: float = Field(
        0.30, ge=0, le=1, description="Label `unsure` when the calibrated confidence is lower."
    )
    shadow: str | None = Field(
        None,
        description="Challenger: a model of the manifest, `zero-shot` or `extractive`, that "
        "answers a share of the documents beside those whose results are used (`tidemark models "
        "compare`).",
    )
    shadow_share: float = Field(
        0.1, gt=0, le=1, description="Share of the documents that the challenger answers."
    )
    price_per_hour: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="What an hour of this machine costs; rows keep it, and the view `cost` tells "
        "the cost of a thousand documents.",
    )
    price_currency: str = Field(
        "USD", max_length=16, description="Money of that price; a name, nothing is converted."
    )
    summary_sentences: int = Field(2, ge=1, le=20, description="Sentences of a summary.")
    guard: Guarding = Field(
        "all",
        description="Rules that a written summary must keep, else the extractive one stands: "
        "`all`, `off`, or `empty`, `length`, `repetition`, `prompt`, `language`, `numbers`, "
        "`dates`, `names`, `swapped`, `foreign`, `meaning` with commas between; `-rule` leaves "
        "one out, `length=250`, `repetition=0.25`, `prompt=0.3`, `foreign=0.88`, `meaning=0.25` "
        "set thresholds.",
    )
    running_summaries: Literal["extractive", "written", "off"] = Field(
        "extractive",
        description="What each source was about in each hour (`tidemark summary`): sentences of "
        "its most central documents, `written` by the model of TIDEMARK_SUMMARIZER from these (in "
        "the land role), or `off`.",
    )
    redact: Redaction = Field(
        "",
        description="Personal data that is replaced by a marker before anything is counted, "
        "inferred or landed: any of `email`, `phone`, `card`, with commas between.",
    )
    # --- stream
    batch_documents: int = Field(128, ge=1, le=4096, description="Largest micro-batch.")
    batch_wait: Duration = Field("50ms", description="Longest wait for a micro-batch to fill.")
    batches_in_flight: int = Field(3, ge=1, le=16, description="Micro-batches at work at a time.")
    land_wait: Duration = Field(
        "2s", description="Longest wait for an insert into ClickHouse to fill."
    )
    max_document_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, description="Longer texts go to the dead letters (UTF-8 bytes)."
    )
    max_message_bytes: int = Field(
        8 * 1024 * 1024, ge=65536, description="Largest message of the topics that are created."
    )
    max_future: Duration = Field(
        "1d", description="Documents dated further ahead of their arrival go to the dead letters."
    )
    dead_letter_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Stop when more than this share of the last 1,000 messages is bad.",
    )
    inference_timeout: Duration = Field("5m", description="A batch that takes longer is fatal.")
    rebalance_timeout: Duration = Field(
        "30s",
        description="When workers come or go, what is in flight is finished for at most so long; "
        "the rest is left to the partition's next owner.",
    )
    shutdown_timeout: Duration = Field("30s", description="Bound on a graceful stop.")
    # --- statistics and drift
    window: Duration = Field("60s", description="Window of statistics, in event time.")
    lateness: Duration = Field(
        "10m", description="How long a closed window still takes late documents in."
    )
    false_alarms: Rate = Field(
        "1 per week", description="Budget of false drift alarms, over all segments together."
    )
    drift_reference: int = Field(
        1000, ge=100, le=20_000, description="Documents of a segment's drift reference."
    )
    drift_renewal: Renewal = Field(
        "settled",
        description="When a drift reference is replaced: `settled` (a stream that stays as an "
        "alarm found it is the new normal), `never` (only by hand), or a number of quiet documents "
        "after which the newest follow it (`settled` too; a slower drift is not told).",
    )
    drift_segments: Literal["source", "label"] = Field(
        "source",
        description="What is watched for drift: each source, or with `label` also each label of "
        "each source, for half of the scan's budget.",
    )
    canary: OptionalDuration = Field(
        "5m",
        description="How often each enrich worker runs the canary documents through its model, "
        "besides when it starts; `off` for never.",
    )
    # --- what people see
    web_host: str = Field("127.0.0.1", description="Address of status page, metrics and health.")
    web_port: int = Field(6066, ge=0, le=65535, description="Its port; 0 for any free one.")
    web_token: SecretStr | None = Field(
        None,
        description="Asked for by every page but `/health`; without one, only loopback is served.",
    )
    web_token_file: Path | None = Field(None, description="File with that token.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Logs for people or for machines; auto: console in a terminal."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged."
    )

    @model_validator(mode="after")
    def _secret_once(self) -> Self:
        for name in get_args(SecretName):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise ValueError(f"set {name} or {name}_file, not both")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - signature of the library
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over environment over ``tidemark.toml``."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def clickhouse_url(self) -> str:
        """Address of the database, with the embedded default filled in."""
        return self.clickhouse or f"chdb://{(self.data / 'clickhouse').resolve()}"

    @property
    def kept(self) -> Retention:
        """How long the database keeps its rows."""
        return Retention.of(
            documents=self.keep_documents,
            embeddings=self.keep_embeddings,
            dead_letters=self.keep_dead_letters,
            statistics=self.keep_statistics,
        )

    def secret(self, name: SecretName) -> str | None:
        """Return a secret from its setting or its file; never logged.

        Raises:
            Misconfigured: the file cannot be read.
        """
        value: SecretStr | None = getattr(self, name)
        path: Path | None = getattr(self, f"{name}_file")
        text = value.get_secret_value() if value is not None else None
        if path is not None:
            try:
                text = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Misconfigured(f"cannot read TIDEMARK_{name.upper()}_FILE: {error}") from error
        hide(text)
        return text

    def hide_secrets(self) -> None:
        """Let no log line or error of this process show a secret of these settings."""
        for value in dict(self).values():
            if isinstance(value, SecretStr):
                hide(value.get_secret_value())
            elif isinstance(value, str) and "://" in value:
                hide(_password_in(value))


def load_settings(**overrides: object) -> Settings:
    """Read the settings; overrides that are None leave the other sources in force.

    Raises:
        Misconfigured: a setting is unknown or has a wrong value; names it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise Misconfigured("; ".join(told(error))) from error
    settings.hide_secrets()
    return settings


def _password_in(url: str) -> str | None:
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password else None
