"""What differs between deployments of the server, read once from ``RECSYS_*``.

A field ``x`` is the variable ``RECSYS_X``; secrets may also stand in a file named by ``RECSYS_X_FILE``. Everything that
differs between tenants is in their documents, not here.
"""

import ipaddress
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Meta

from data_contracts.layout import Locations

PREFIX = "RECSYS_"
SECRETS = ("pseudonym_secret",)
# Read by the store, the pipeline, the CLI or the tests; the server knows them so as not to take them for misspelt.
OF_OTHERS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *("HOME", "LAKE", "LANDING", "STORE", "S3_ENDPOINT", "S3_REGION", "S3_ALLOW_HTTP"),
        *("SIGNING_KEY", "VERIFY_KEYS", "REQUIRE_SIGNATURE"),
        *("TENANTS", "TRACEBACK", "SHARED_DATA", "GOLDEN", "MLFLOW", "MLFLOW_ARTIFACTS", "DAGSTER_POSTGRES"),
    )
)
CLOSE = 0.8  # of difflib's similarity: a letter left out, doubled or swapped, a plural

T = TypeVar("T")
Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class InvalidSetting(Exception):
    """A ``RECSYS_*`` variable has a value that cannot work, or a name that nobody reads."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deployment of one server. The defaults are for a laptop; ``env=prod`` hides the docs and wants a real secret."""

    locations: Locations
    env: Literal["dev", "prod"] = "dev"
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    allow_public: bool = False  # bind to an address that other machines reach, although there is no access control yet
    default_tenant: str | None = None  # of requests that name none
    tenant_header: Annotated[str, Meta(pattern="^[A-Za-z0-9-]{1,64}$")] = "X-Org-Id"
    required_surfaces: str = ""  # `tenant/surface,...`: not ready before each of these is loaded
    reload_every_s: Annotated[float, Meta(gt=0, le=86_400)] = 10.0
    docs: bool | None = None  # /docs and /openapi.*; None: not in prod
    answers_kept_mb: Annotated[int, Meta(ge=0, le=10_000)] = 16  # per worker: lists that are given again; 0: none
    access_log: Literal["all", "errors", "off"] = "all"
    exposure_fsync: Literal["never", "segment", "record"] = "never"
    exposure_segment_bytes: Annotated[int, Meta(ge=1)] = 64 * 1024 * 1024
    exposure_segment_s: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    drain_s: Seconds | None = None  # between SIGTERM and the end; None: 5 in prod, 0 otherwise
    # Of the exposure log's pseudonyms; None: one is made under RECSYS_HOME.
    pseudonym_secret: Annotated[str, Meta(min_length=16)] | None = None
    git_sha: str = ""
    built_at: str = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read ``RECSYS_*`` and nothing else. Raises ``InvalidSetting`` that names the variable."""
        _refuse_misspelt(environ, (*map(variable, cls.__struct_fields__), *map(_file_variable, SECRETS)))
        values: dict[str, Any] = {
            field: environ[variable(field)]
            for field in cls.__struct_fields__
            if field != "locations" and environ.get(variable(field))
        }
        values |= {field: _secret(environ, field) for field in SECRETS if environ.get(_file_variable(field))}
        settings = _converted(values | {"locations": Locations.from_environ(environ)}, cls)
        if settings.env == "prod" and settings.pseudonym_secret is None:
            raise InvalidSetting("RECSYS_PSEUDONYM_SECRET (or RECSYS_PSEUDONYM_SECRET_FILE) is required in prod")
        return settings

    @property
    def has_docs(self) -> bool:
        """Whether the API describes itself."""
        return self.env != "prod" if self.docs is None else self.docs

    @property
    def drains_for_s(self) -> float:
        """How long the server says that it is not ready, before it stops to answer."""
        if self.drain_s is None:
            return 5.0 if self.env == "prod" else 0.0
        return self.drain_s

    @property
    def required(self) -> tuple[tuple[str, str], ...]:
        """Pairs of tenant and surface. Raises ``InvalidSetting``."""
        return tuple(_pair(text) for text in self.required_surfaces.split(",") if text.strip())


def variable(field: str) -> str:
    """The variable that a field is read from."""
    return f"{PREFIX}{field.upper()}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _file_variable(field: str) -> str:
    return f"{variable(field)}_FILE"


def _refuse_misspelt(environ: Mapping[str, str], mine: tuple[str, ...]) -> None:
    known = {name.removeprefix(PREFIX) for name in (*mine, *OF_OTHERS)}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known:
            close = get_close_matches(name.removeprefix(PREFIX), sorted(known), 1, CLOSE)
            if close:
                raise InvalidSetting(f"{name} is read by nobody; did you mean {PREFIX}{close[0]}?")


def _secret(environ: Mapping[str, str], field: str) -> str:
    if environ.get(variable(field)):
        raise InvalidSetting(f"{variable(field)} and {_file_variable(field)} are both set; one is enough")
    try:
        return Path(environ[_file_variable(field)]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{_file_variable(field)}: {error}") from error


def _converted(values: dict[str, Any], kind: type[T]) -> T:
    """Texts become numbers and truth values. Raises ``InvalidSetting`` that names the variable."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$.")
        field = place.rstrip("`")
        shown = "its value" if field in SECRETS else repr(values.get(field))
        raise InvalidSetting(f"{variable(field)} is {shown}: {what}") from error


def _pair(text: str) -> tuple[str, str]:
    tenant, slash, surface = text.strip().partition("/")
    if not (tenant and slash and surface):
        raise InvalidSetting(f"RECSYS_REQUIRED_SURFACES has {text.strip()!r}; it should be tenant/surface,...")
    return tenant, surface
