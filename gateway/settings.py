"""Every setting, with its default and its description; read once, at start, from GATEWAY_* environment variables.

Owns the names, which values are refused at start, and which variables are only warned about. Does not know what uses a
setting.
"""

import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway import provider_settings
from gateway.urls import is_local, url_problem

PREFIX = "GATEWAY_"
MIN_BOOTSTRAP_KEY = 32
MIB = 1024 * 1024
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?")
_CEILING = re.compile(r"[A-Z]{3}=\d{1,12}(?:\.\d{1,3})?")


class SettingsError(Exception):
    """The configuration cannot be used."""


def default_data_dir() -> Path:
    """Return the user's data folder: `$XDG_DATA_HOME/social-gateway`, else `~/.local/share/social-gateway`."""
    base = os.environ.get("XDG_DATA_HOME", "")
    try:
        return (Path(base) if base else Path.home() / ".local" / "share") / "social-gateway"
    except RuntimeError:
        # No HOME and no entry in the user database: containers with a random user id.
        return Path("/var/lib/social-gateway")


def split(value: Any) -> Any:
    """Split `a, b` into a tuple; return anything but a string unchanged."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


Names = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The settings of an operator."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL as postgresql://…; if unset, an embedded one runs under GATEWAY_DATA_DIR."
    )
    database_listen_url: SecretStr | None = Field(
        None,
        description="The same database without a pooler, for notifications and the job queue; needed where "
        "GATEWAY_DATABASE_URL is a pooler in transaction mode.",
    )
    database_pool_size: int = Field(
        16,
        ge=12,
        le=200,
        description="Connections that a process keeps to PostgreSQL at most; one is the listener's, and four are its "
        "jobs' if it runs any.",
    )
    database_lock_seconds: float = Field(
        3, gt=0, le=60, description="Seconds that a statement waits for a row that another transaction has locked."
    )
    data_dir: Path = Field(default_factory=default_data_dir, description="Folder for this process's own files.")
    blob_url: str = Field(
        "",
        description="Where upload bytes are stored: file:///folder, s3://bucket/prefix, gs://bucket or az://container "
        "(see below); if unset, a folder under GATEWAY_DATA_DIR.",
    )
    upload_reserve_bytes: int | None = Field(
        None,
        ge=0,
        description="Bytes of a local disk that uploads leave free; if unset, 1 GiB, but at most a tenth of the disk.",
    )
    media_concurrency: int = Field(
        2, ge=1, le=64, description="Media files that one process looks into at the same time, each in a child process."
    )
    grpc_address: str = Field("127.0.0.1:50051", description="Address of the gRPC server; port 0 picks a free one.")
    http_address: str = Field("127.0.0.1:8080", description="Address of the HTTP edge; port 0 picks a free one.")
    admin_address: str = Field(
        "",
        description="Address of the Admin API, such as 127.0.0.1:50052; if unset, it is off. Only a loopback address, "
        "or a Unix socket, unless there is a certificate.",
    )
    public_url: str = Field(
        "http://localhost:8080",
        description="URL at which browsers reach the HTTP edge; https, except on loopback when simulators are allowed.",
    )
    tls_cert: Path | None = Field(
        None, description="PEM file with the gRPC server's certificate chain; reloaded when it changes."
    )
    tls_key: Path | None = Field(None, description="PEM file with the certificate's private key.")
    tls_client_ca: Path | None = Field(
        None,
        description="PEM file with the authorities of clients' certificates; if set, every client of the gRPC server "
        "needs one of theirs. Reloaded when it changes.",
    )
    callers_file: Path | None = Field(
        None,
        description="TOML file with the issuers of tokens and the certificates that may call, beside API keys "
        "([callers.md](callers.md)); reloaded when it changes.",
    )
    encryption_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that encrypt secrets, as id:base64(32 bytes), comma-separated, the active one first; or "
        "id:vault:…, id:aws-kms:…, id:google-kms:… of keys that a service keeps ([keys.md](keys.md)).",
    )
    encryption_keys_file: Path | None = Field(
        None, description="File with the same, also one entry a line, instead of GATEWAY_ENCRYPTION_KEYS."
    )
    bootstrap_api_key: SecretStr | None = Field(
        None, description="API key of 32 or more characters for the default agency: all its locations, all scopes."
    )
    allowed_redirect_uris: Names = Field(
        (), description="Redirect URIs allowed after a consent, comma-separated, besides those of the API key."
    )
    cors_origins: Names = Field(
        (),
        description="Origins whose pages may call the HTTP port, comma-separated, each as browsers send it: "
        "`https://app.example.com`.",
    )
    allow_loopback_vendors: bool = Field(
        False,
        description="Allow http, ports and loopback addresses for vendors and GATEWAY_PUBLIC_URL: for simulators.",
    )
    pull_allow_loopback: bool = Field(
        False, description="Allow http, ports and loopback addresses for media fetched from a caller's URL: for tests."
    )
    tiktok_client_key: str = Field("", description="Client key of your TikTok application.")
    tiktok_client_secret: SecretStr = Field(SecretStr(""), description="Client secret of your TikTok application.")
    tiktok_api_url: str = Field("https://open.tiktokapis.com", description="Base URL of TikTok's API.")
    tiktok_authorize_url: str = Field(
        "https://www.tiktok.com/v2/auth/authorize/", description="TikTok's consent page, opened in a browser."
    )
    tiktok_scopes: Names = Field(
        (), description="Scopes that your TikTok application has, comma-separated; if unset, all six are requested."
    )
    tiktok_upload_hosts: Names = Field(
        ("tiktokapis.com",), description="Host suffixes that may receive video bytes, comma-separated."
    )
    tiktok_webhook_window_seconds: int = Field(
        300,
        ge=1,
        description="How far a webhook signature's timestamp may differ from now; others are refused.",
    )
    tiktok_business_app_id: str = Field("", description="App ID of your app in TikTok's API for Business.")
    tiktok_business_secret: SecretStr = Field(
        SecretStr(""), description="Secret of your app in TikTok's API for Business."
    )
    tiktok_business_api_url: str = Field(
        "https://business-api.tiktok.com",
        description="Origin of TikTok's API for Business; the path /open_api/v1.3 is added.",
    )
    tiktok_business_authorize_url: str = Field(
        "https://www.tiktok.com/v2/auth/authorize/", description="The consent page for account holders."
    )
    tiktok_advertiser_authorize_url: str = Field(
        "https://business-api.tiktok.com/portal/auth",
        description="The consent page for advertisers, of the same application.",
    )
    tiktok_business_scopes: Names = Field(
        (),
        description="Scopes that your app has for account holders, comma-separated; if unset, ten are requested, none "
        "of them to publish (video.publish, video.upload). One that the app lacks makes the whole consent fail.",
    )
    tiktok_business_webhooks: bool = Field(
        False,
        description="Set the app's address for comments, posts and ended authorizations to that of this gateway, and "
        "keep it so. An app has one: let only one installation do this.",
    )
    ads_spend_ceiling: Names = Field(
        (),
        description="By currency, how much a launch may let be spent within 30 days without a confirmation in the "
        "call, as USD=500,EUR=450. In a currency that is not named every launch needs one.",
    )
    engagement_retention_days: int = Field(
        365,
        ge=1,
        le=3650,
        description="Days for which points of metrics and comments are kept after they were last read.",
    )
    audit_retention_days: int = Field(
        400,
        ge=1,
        le=3650,
        description="Days for which rows of the audit log are kept at least; they are dropped by the week.",
    )
    highlevel_client_id: str = Field("", description="Client id of your HighLevel marketplace application.")
    highlevel_client_secret: SecretStr = Field(
        SecretStr(""), description="Client secret of your HighLevel marketplace application."
    )
    highlevel_api_url: str = Field("https://services.leadconnectorhq.com", description="Base URL of HighLevel's API.")
    highlevel_authorize_url: str = Field(
        "https://marketplace.gohighlevel.com/v2/oauth/chooselocation",
        description="HighLevel's consent page, opened in a browser; white-label agencies use another host.",
    )
    highlevel_version_id: str = Field(
        "",
        description="Version of your marketplace application that the consent page installs; if unset, the live one.",
    )
    highlevel_scopes: Names = Field(
        (), description="Scopes that your marketplace application has, comma-separated; if unset, all are requested."
    )
    highlevel_api_version: Literal["2021-07-28", "v3"] = Field(
        "2021-07-28", description="Version of HighLevel's API; only v3 has comments."
    )
    highlevel_popup_hosts: Names = Field(
        ("leadconnectorhq.com", "gohighlevel.com"),
        description="Host suffixes whose pages may report the end of a network's consent; add white-label hosts.",
    )
    highlevel_webhook_keys: Names = Field(
        (),
        description="Ed25519 public keys of HighLevel's webhooks: PEM, base64 (of SPKI or 32 bytes) or hex, "
        "comma-separated; several during a key change. If unset, HighLevel's published key.",
    )
    highlevel_legacy_webhook_signature: bool = Field(
        False, description="Also accept HighLevel's older RSA signature if a delivery has no newer one."
    )
    highlevel_webhook_window_seconds: int = Field(
        5400,
        ge=1,
        description="Maximum age of a HighLevel webhook: it repeats one for 70 minutes with the first timestamp.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")
    log_format: Literal["json", "text"] = Field("json", description="One JSON object per line, or plain text.")
    drain_delay_seconds: float | None = Field(
        None,
        ge=0,
        le=300,
        description="Seconds between NOT_SERVING and refusing calls, for load balancers to notice; if unset, 5 while a "
        "client watches health, else none.",
    )
    drain_seconds: float = Field(30, ge=0, le=3600, description="Seconds that running calls get to finish at shutdown.")
    deadline_seconds: float = Field(
        60, gt=0, le=3600, description="Deadline, in seconds, of a unary call whose client set none."
    )
    max_message_bytes: int = Field(
        5 * MIB, ge=2 * MIB, le=256 * MIB, description="Largest request message; larger ones are refused."
    )
    max_calls_per_key: int = Field(256, ge=1, description="Unary calls and uploads that one API key may have running.")
    max_streams_per_key: int = Field(1024, ge=1, description="Watch streams that one API key may have open.")
    max_calls: int = Field(8192, ge=1, description="Calls that a process serves at the same time, over all keys.")
    agency_share: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Which part of the places that other agencies leave one agency may have: of the calls, streams and "
        "uploads that run, steps of posts, pulls, looks into media, deliveries, refreshes, verifications, syncs and "
        "database connections of a process. 1 means all.",
    )
    location_claims_per_hour: int = Field(
        100,
        ge=0,
        description="How often per hour an agency's keys for all locations may try to claim one; 0 means never.",
    )
    unproved_locations_per_agency: int = Field(
        500, ge=0, description="Locations that an agency may have by first use alone, without a grant ever connected."
    )
    agency_upload_bytes: int = Field(
        1024 * 1024 * MIB, ge=0, description="Bytes that all uploads of an agency may take at the same time."
    )
    upload_retention_hours: float = Field(
        168,
        ge=1,
        le=24 * 366,
        description="Hours for which an upload is kept after the last post that named it became final; as long can a "
        "failed post be retried.",
    )
    metrics_address: str = Field(
        "",
        description="Address of Prometheus's /metrics, such as 127.0.0.1:9464; off if unset. Without a host it is "
        "loopback: it has no key. Of several processes the first has this port, and each other one the next.",
    )
    metrics_agency_label: bool = Field(
        False, description="Tell agencies apart in the metrics that docs/metrics.md marks; each is a series of its own."
    )
    max_connection_age_seconds: float = Field(
        0, ge=0, description="Age in seconds at which a client must reconnect, for load balancing; 0 means never."
    )
    auto_migrate: bool = Field(
        True, description="Migrate the database's schema at start; if false, run `social-gateway migrate`."
    )
    worker_concurrency: int = Field(
        8,
        ge=1,
        le=256,
        description="Jobs of one queue, or steps of posts of one kind, that a process runs at the same time.",
    )
    worker_heartbeat_seconds: float = Field(3, gt=0, le=60, description="Seconds between a worker's heartbeats.")
    worker_stale_seconds: float = Field(
        10,
        gt=0,
        le=600,
        description="Seconds without a heartbeat after which other workers take over a worker's jobs and posts; at "
        "least three heartbeats.",
    )

    _declared: provider_settings.Declared = PrivateAttr(default_factory=dict)

    _split = field_validator(
        "ads_spend_ceiling",
        "allowed_redirect_uris",
        "cors_origins",
        "tiktok_scopes",
        "tiktok_business_scopes",
        "tiktok_upload_hosts",
        "highlevel_scopes",
        "highlevel_popup_hosts",
        "highlevel_webhook_keys",
        mode="before",
    )(split)

    @field_validator(
        "database_url",
        "database_listen_url",
        "bootstrap_api_key",
        "tls_cert",
        "tls_key",
        "tls_client_ca",
        "callers_file",
        "encryption_keys_file",
        "upload_reserve_bytes",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        """Treat an empty variable as unset: compose files write unset variables that way."""
        return None if value == "" else value

    @model_validator(mode="before")
    @classmethod
    def _read_keys(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take the encryption keys from their file, if there is one."""
        file = values.get("encryption_keys_file")
        if not file:
            return values
        if values.get("encryption_keys"):
            raise ValueError("GATEWAY_ENCRYPTION_KEYS and GATEWAY_ENCRYPTION_KEYS_FILE: set one of them")
        try:
            text = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"GATEWAY_ENCRYPTION_KEYS_FILE: {file}: {type(error).__name__}") from None
        return {**values, "encryption_keys": ",".join(split(text.replace("\n", ",")))}

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        """Accept any case, INFO means info, and the former name of the format `text`."""
        lower = value.lower() if isinstance(value, str) else value
        return "text" if lower == "console" else lower

    @field_validator("bootstrap_api_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse a key that is too short to be safe, or that cannot be sent in a header."""
        key = "" if value is None else value.get_secret_value()
        if value is not None and len(key) < MIN_BOOTSTRAP_KEY:
            raise ValueError(f"must have {MIN_BOOTSTRAP_KEY} characters or more; `openssl rand -hex 32` makes one")
        if key.strip() != key or not (key.isascii() and key.isprintable()):
            raise ValueError("must be visible ASCII, without spaces around it: it travels in a header")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no browser sends as an origin, and a star for all."""
        if any(_ORIGIN.fullmatch(entry) is None for entry in value):
            raise ValueError("must be origins such as https://app.example.com, in lower case, without a path or a star")
        return value

    @field_validator("ads_spend_ceiling")
    @classmethod
    def _ceilings(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no amount of a currency."""
        if any(_CEILING.fullmatch(entry) is None for entry in value):
            raise ValueError("must be amounts by currency, such as USD=500,EUR=450")
        if len({entry[:3] for entry in value}) != len(value):
            raise ValueError("must name each currency once")
        return value

    @property
    def spend_ceilings(self) -> dict[str, Decimal]:
        """The ceilings of `ads_spend_ceiling`, by currency."""
        return {entry[:3]: Decimal(entry[4:]) for entry in self.ads_spend_ceiling}

    @model_validator(mode="after")
    def _tls_pair(self) -> "Settings":
        """Refuse a certificate without a key, or a key without a certificate."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("GATEWAY_TLS_CERT and GATEWAY_TLS_KEY: set both or none")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("GATEWAY_TLS_CLIENT_CA: needs GATEWAY_TLS_CERT and GATEWAY_TLS_KEY")
        return self

    @model_validator(mode="after")
    def _admin_is_private(self) -> "Settings":
        """Refuse an Admin API that others could read along, or that is where callers are."""
        if self.admin_address and self.tls_cert is None and not is_local(self.admin_address):
            raise ValueError(
                "GATEWAY_ADMIN_ADDRESS: must be a loopback address such as 127.0.0.1:50052, or set GATEWAY_TLS_CERT "
                "and GATEWAY_TLS_KEY: API keys would cross the network in clear"
            )
        taken = self.admin_address in (self.grpc_address, self.http_address)
        if self.admin_address and taken and not self.admin_address.endswith(":0"):
            raise ValueError("GATEWAY_ADMIN_ADDRESS: must not be that of GATEWAY_GRPC_ADDRESS or GATEWAY_HTTP_ADDRESS")
        return self

    @model_validator(mode="after")
    def _listens_where_it_works(self) -> "Settings":
        """Refuse a second address of a database that has no first one."""
        if self.database_listen_url is not None and self.database_url is None:
            raise ValueError(
                "GATEWAY_DATABASE_LISTEN_URL: is only for the database of GATEWAY_DATABASE_URL, which is unset"
            )
        return self

    @model_validator(mode="after")
    def _outlives_heartbeats(self) -> "Settings":
        """Refuse leases that end before a worker had three chances to renew them: healthy work would be taken over."""
        if self.worker_heartbeat_seconds * 3 > self.worker_stale_seconds:
            raise ValueError(
                "GATEWAY_WORKER_STALE_SECONDS: must be at least three times GATEWAY_WORKER_HEARTBEAT_SECONDS, which is "
                f"{self.worker_heartbeat_seconds:g}"
            )
        return self

    @model_validator(mode="after")
    def _read_declared(self) -> "Settings":
        """Read the settings that providers declare themselves."""
        self._declared = provider_settings.read(type(self).model_fields, os.environ, PREFIX)
        return self

    @model_validator(mode="after")
    def _safe_urls(self) -> "Settings":
        """Refuse URLs that would send secrets unencrypted; the default of the public URL is not checked."""
        checked = {
            name.upper(): getattr(self, name)
            for name in type(self).model_fields
            if name.endswith(("_api_url", "_authorize_url"))
        }
        checked |= {
            f"{provider}_{name}".upper(): value
            for provider, values in self._declared.items()
            for name, value in values.items()
            if name.endswith("_url")
        }
        if "public_url" in self.model_fields_set:
            checked["PUBLIC_URL"] = self.public_url
        for name, url in checked.items():
            problem = url_problem(
                url,
                allow_loopback=self.allow_loopback_vendors,
                allow_port=name == "PUBLIC_URL",
                allow_query=name.endswith("_AUTHORIZE_URL"),
            )
            if problem:
                raise ValueError(f"{PREFIX}{name}: {problem}")
        return self

    @property
    def blobs(self) -> str:
        """The URL of the upload storage, with its default."""
        return self.blob_url or (self.data_dir.expanduser().resolve() / "blobs").as_uri()

    @property
    def spill_dir(self) -> Path:
        """The folder for token pairs that the database does not have yet."""
        return self.data_dir.expanduser() / "spills"

    @property
    def callback_url(self) -> str:
        """The OAuth redirect URI, with `{provider}` in place of the provider's name."""
        return f"{self.public_url.rstrip('/')}/oauth/{{provider}}/callback"

    def secrets(self) -> list[str]:
        """Return every secret of the configuration in plain text, so that logs can redact them; also each
        encryption key and the database password on their own.
        """
        found = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        # What has a second colon names a key that a service keeps.
        entries = [entry.split(":") for entry in self.encryption_keys.get_secret_value().split(",")]
        found += [entry[1].strip() for entry in entries if len(entry) == 2]
        for provider, setting in provider_settings.declared(type(self).model_fields):
            found += [self._declared[provider][setting.name]] if setting.secret else []
        found += [os.environ.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "VAULT_TOKEN")]
        urls = [each.get_secret_value() for each in (self.database_url, self.database_listen_url) if each is not None]
        return [*found, *(unquote(urlsplit(url).password or "") for url in urls)]

    def provider(self, name: str) -> dict[str, Any]:
        """Return one provider's settings for its `build`: names without the prefix, secrets in plain text."""
        found: dict[str, Any] = {"allow_loopback": self.allow_loopback_vendors, **self._declared.get(name, {})}
        for field in type(self).model_fields:
            if field.startswith(f"{name}_"):
                value = getattr(self, field)
                plain = value.get_secret_value() if isinstance(value, SecretStr) else value
                found[field.removeprefix(f"{name}_")] = plain
        return found


def load(**overrides: Any) -> Settings:
    """Read the settings from the environment; `overrides` (by field name) take precedence.

    Raises SettingsError with one line per problem, each naming the variable and never its value.
    """
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_error_lines(error))) from None
    if not settings.encryption_keys.get_secret_value().strip():
        raise SettingsError(
            f"{PREFIX}ENCRYPTION_KEYS: is required: secrets are never stored in plain text. "
            "`social-gateway keys new` prints one, or: "
            """python3 -c "import os,base64;print('k1:'+base64.b64encode(os.urandom(32)).decode())\""""
        )
    return settings


def new_encryption_key(random: bytes, *, key_id: str = "k1") -> str:
    """Format 32 random bytes as an entry of GATEWAY_ENCRYPTION_KEYS."""
    return f"{key_id}:{b64encode(random).decode()}"


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """Return the GATEWAY_* variables that are not settings, sorted: mostly typing errors, so worth a warning."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {PREFIX + provider_settings.variable(*each) for each in provider_settings.declared(Settings.model_fields)}
    return sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)


def _error_lines(error: ValidationError) -> Iterator[str]:
    """Yield each problem as `VARIABLE: what is wrong`, without the value."""
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        message = item["msg"].removeprefix("Value error, ")
        where = "_".join(str(part) for part in item["loc"] if isinstance(part, str))
        yield f"{PREFIX}{where.upper()}: {message}" if where else message
