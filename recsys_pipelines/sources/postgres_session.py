"""A read-only conversation with a Postgres server: one snapshot of the data, rows in batches, errors without secrets.

Rows come over COPY as Arrow batches, so memory does not grow with the table. Whatever has no equal in Parquet
(numeric, json, uuid, enumerations, intervals, ...) comes as the text that Postgres itself writes, with every digit;
infinite times come as nothing. Names are quoted: they are case-sensitive, as in the catalog.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import stamina
from adbc_driver_manager import Error as AdbcError
from adbc_driver_manager import OperationalError
from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]  # it ships no types
from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

from recsys_pipelines.sources.source import MalformedPart, MissingPart, SchemaDrift, SourceError, Unreachable

set_on_retry_hooks([LoggingOnRetryHook])  # the default prints to standard output, where a command's JSON is

ATTEMPTS = 4
CONNECT_TIMEOUT_S = 10

_SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL TIME ZONE 'UTC'",
    "SET LOCAL DateStyle TO 'ISO'",
    "SET LOCAL IntervalStyle TO 'iso_8601'",
    "SET LOCAL standard_conforming_strings TO on",
)
_PLAIN = {"bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar"}
_MOMENTS = {"date", "timestamp", "timestamptz"}
_LISTED = {"_bool", "_int2", "_int4", "_int8", "_float4", "_float8", "_text", "_varchar"}
_NAME = re.compile(r'"(?:[^"]|"")+"|[^".\s]+')
_FINAL = ("authentication", "does not exist", "pg_hba", "password", "permission", "invalid", "URI")
_NOT_THERE = {"42P01", "3F000"}  # undefined table, undefined schema
_NO_COLUMN = "42703"
_FORBIDDEN = "42501"
_UNAVAILABLE = ("08", "53", "57")  # classes of codes: connection, resources, an operator who stops things


@dataclass(frozen=True)
class Session:
    """One transaction that sees one state of the database; ``name`` is what errors are about."""

    name: str
    secrets: frozenset[str]
    cursor: Any

    def types(self, relation: str) -> dict[str, str]:
        """The relation's columns with their Postgres types (``text[]`` of a list), in order."""
        with self._asking():
            schema = self.cursor.adbc_execute_schema(f"SELECT * FROM {relation}")
        return {field.name: field.metadata[b"POSTGRESQL:type"].decode() for field in schema}

    def value(self, sql: str) -> Any:
        """The single value that a query answers."""
        with self._asking():
            self.cursor.execute(sql)
            return self.cursor.fetchone()[0]

    def batches(self, sql: str, rows: int) -> Iterator[pl.DataFrame]:
        """The answer in frames of ``rows`` rows, the last one shorter; one without rows if there are none."""
        with self._asking():
            self.cursor.execute(sql)
            reader = self.cursor.fetch_record_batch()
            held = _frame(reader.schema.empty_table())
            nothing = True
            for batch in reader:
                held = pl.concat([held, _frame(batch)])
                while held.height >= rows:
                    yield held.head(rows).rechunk()
                    held, nothing = held.slice(rows), False
            if nothing or held.height:
                yield held.rechunk()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (AdbcError, OSError, pa.ArrowException) as error:
            raise _meaning(self.name, error, self.secrets) from None  # the cause may quote what nobody may see


@contextmanager
def session(url: str, name: str) -> Iterator[Session]:
    """Connect, with a few attempts where waiting may help. Raises ``Unreachable``; no error ever holds the password."""
    secrets = _secrets(url)
    try:
        with _connected(url) as connection, connection.cursor() as cursor:
            for setting in _SETTINGS:
                cursor.execute(setting)
            yield Session(name, secrets, cursor)
    except AdbcError as error:
        raise Unreachable(f"{name}: {_said(error, secrets)}") from None


def quoted(table: str) -> str:
    """``schema.table`` for SQL, each name quoted. Raises ``SourceError`` for what is no name.

    >>> quoted("shop.Orders"), quoted('"odd.name"')
    ('"shop"."Orders"', '"odd.name"')
    """
    names = _NAME.findall(table)
    if not names or ".".join(names) != table:
        raise SourceError(f"{table!r} is not the name of a table; write schema.table, and odd names in double quotes")
    return ".".join(identifier(each[1:-1].replace('""', '"') if each[0] == '"' else each) for each in names)


def identifier(name: str) -> str:
    """One name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """One value for SQL."""
    return "'" + text.replace("'", "''") + "'"


def projection(types: Mapping[str, str]) -> str:
    """The columns as Parquet can hold them."""
    return ", ".join(f"{_readable(identifier(name), type)} AS {identifier(name)}" for name, type in types.items())


def spelled_type(type: str) -> str:
    """A type as people write it."""
    return f"{type[1:]}[]" if type.startswith("_") else type


def _readable(column: str, type: str) -> str:
    if type in _MOMENTS:
        return f"CASE WHEN isfinite({column}) THEN {column} END"
    if type in _PLAIN or type in _LISTED:
        return column
    return f"{column}::text[]" if type.startswith("_") else f"{column}::text"


def _frame(batch: Any) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)  # of a table or batch, never a series
    return frame


def _connected(url: str) -> Any:
    for attempt in stamina.retry_context(on=_may_pass, attempts=ATTEMPTS, timeout=30, wait_initial=0.2):
        with attempt:
            return dbapi.connect(_with_timeout(url))
    raise AssertionError("the last attempt raises")


def _with_timeout(url: str) -> str:
    """The URL with a limit for connecting, unless it has one; libpq by itself waits for minutes."""
    if "://" not in url or "connect_timeout" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}connect_timeout={CONNECT_TIMEOUT_S}"


def _may_pass(error: Exception) -> bool:
    return isinstance(error, OperationalError) and not any(word in str(error) for word in _FINAL)


def _meaning(name: str, error: Exception, secrets: frozenset[str]) -> SourceError:
    state, said = getattr(error, "sqlstate", None), _said(error, secrets)
    if state in _NOT_THERE:
        return MissingPart(name, said)
    if state == _NO_COLUMN:
        return SchemaDrift(name, f"schema drift: {said}")
    if state is None:  # in the middle of the rows there are no codes
        refused = "ERROR:" not in str(error) or "canceling" in said or "terminating" in said
    else:
        refused = state == _FORBIDDEN or state.startswith(_UNAVAILABLE)
    return Unreachable(f"{name}: {said}") if refused else MalformedPart(name, said)


def _said(error: Exception, secrets: frozenset[str]) -> str:
    """What the server or the client library said, in one line."""
    found = re.search(r"(?:ERROR|FATAL): *(.+)", str(error)) or re.search(r"Failed to connect: *(.+)", str(error))
    text = found[1] if found else str(error).partition("\n")[0]
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text.strip()


def _secrets(url: str) -> frozenset[str]:
    """What of a URL, or of a ``key=value`` string, must never be seen, as it is written and as it is meant.

    A password with an odd character that is not percent-encoded is read by libpq as host or port, and quoted in pieces.
    """
    found = re.findall(r"//[^:/@]*:(.*)@", url) + re.findall(r"password\s*=\s*'?([^'\s&]+)", url)
    spellings = {spelling for each in found for spelling in (each, unquote(each))}
    return frozenset(piece for each in spellings for piece in (each, *re.split(r"[/@:?#\[\]]", each)) if piece)
