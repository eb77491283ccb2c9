"""Where a tenant's rows come from and how their columns become ours: the part ``sources`` of a tenant document."""

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
TimeUnit = Literal["iso", "s", "ms", "us"]

ORIGINS = ("path", "postgres", "kafka", "server_log")  # of a source: where its rows are


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one of our columns is made from a row of the source. Exactly one of the first eight says from what."""

    column: str | None = None  # copied
    columns: tuple[str, ...] = ()  # joined with `join`
    constant: str | int | float | bool | None = None  # the same in every row
    digest: tuple[str, ...] = ()  # SHA-256 over these columns: an id for rows that have none
    ratio: tuple[str, str] | None = None  # first / second, as a number (watched seconds / duration)
    product: tuple[str, str] | None = None  # first * second, as a number (quantity * price of one)
    flags: dict[str, str] = {}  # source column that is 1/true -> the tag or value it stands for
    row_number: bool = False  # the row's number in its file, from 1

    join: str = "-"
    values: dict[str, str] = {}  # source value -> our value; values not named are kept
    default: str | int | float | bool | None = None  # where the source has nothing
    time: TimeUnit | str | None = None  # unit of an epoch, "iso", or a strptime format
    timezone: str = "UTC"  # of times that carry no offset
    scale: float = 1.0  # numbers are multiplied by it (100: a decimal price becomes minor units, rounded half to even)
    minor_units: bool = False  # a decimal amount becomes minor units of the row's currency (JPY has no decimals)
    split: str | None = None  # a text of several values becomes a list
    prefix: str = ""  # put before each value, such as `genre:`
    also: dict[str, str] = {}  # of tags: source column whose values are tags too -> the prefix of those


class Postgres(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows of a table or a query, copied to the landing area in batches.

    With a ``cursor`` (a column that only grows, such as ``updated_at`` or ``id``) only rows beyond the watermark are
    read; without one the whole table is, as one consistent snapshot that takes the place of the one before.
    """

    url: str  # such as ${SHOP_DATABASE}; it holds a password, so it never appears in a message
    table: str = ""  # schema.table; exactly one of table and query is given
    query: str = ""  # a SELECT; the cursor must be among its columns
    cursor: str | None = None
    overlap_s: NonNegative = 0.0  # of a time cursor: rows this much older than the watermark are read again
    batch_rows: Count = 100_000


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Messages (JSON objects) of a topic; offsets are committed once the landed file that holds them is durable."""

    brokers: str  # such as ${KAFKA_BROKERS}: host:port, separated by commas
    topic: str
    group: str = ""  # empty: recsys-TENANT
    batch_records: Count = 50_000  # at most so many in one landed file
    idle_s: NonNegative = 2.0  # a pull ends when nothing came for so long
    settings: dict[str, str] = {}  # further settings of the client, such as security_protocol; ${NAME} as in paths


class ServerLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the server's own workers landed (``landing/KIND/tenant=/date=/*.jsonl``); events are ``records.Event``."""

    kind: Literal["events"] = "events"


class Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Columns of another file, joined to each row: the order of an order line. Rows without a match keep nulls."""

    path: str
    on: tuple[str, str]  # our row's column, and the key column of the other file
    prefix: str = ""  # put before the names of the joined columns
    format: Literal["auto", "csv", "jsonl", "parquet"] = "auto"


class SourceSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One source. Exactly one of ``path``, ``postgres``, ``kafka`` and ``server_log`` says where the rows are.

    ``path`` is a file, a folder or a glob, relative to the document's folder, or ``s3://bucket/key``; ``${NAME}`` in it
    is taken from the environment. ``fields`` maps our columns; a column that is not named is taken from the source
    column of the same name if there is one. ``where`` keeps only rows whose column has that value, or one of those.
    """

    path: str = ""
    postgres: Postgres | None = None
    kafka: Kafka | None = None
    server_log: ServerLog | None = None
    format: Literal["auto", "csv", "jsonl", "parquet"] = "auto"
    delimiter: str = ","
    header: bool = True
    column_names: tuple[str, ...] = ()  # for files without a header
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    folder_columns: bool = False  # folders such as date=2026-01-01 are columns of the rows below them
    lookup: Lookup | None = None
    mode: Literal["upsert", "snapshot"] = "upsert"  # snapshot: items that the newest file does not name are archived
    required_columns: tuple[str, ...] = ()  # missing ones are schema drift; default: every column that `fields` names
    fields: dict[str, str | Field] = {}
    where: dict[str, str | tuple[str, ...]] = {}


class Sources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a tenant's data is. Several sources of one table are read in order; of one item the last row counts."""

    items: tuple[SourceSpec, ...]
    events: tuple[SourceSpec, ...]
    users: tuple[SourceSpec, ...] = ()
    orders: tuple[SourceSpec, ...] = ()  # only to reconcile purchases with
