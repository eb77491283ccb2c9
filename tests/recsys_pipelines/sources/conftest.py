"""One shop per kind of source: where rows are put, and the entry of a tenant document that reads them."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import stamina

from data_contracts.open import open_blobs
from data_contracts.source_specs import Kafka, Postgres, ServerLog, SourceSpec
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.postgres import PostgresSource
from recsys_pipelines.sources.postgres_session import ATTEMPTS
from recsys_pipelines.sources.source import ROW, Needs, Place, Pulled, Pulling, Source

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Row = Sequence[str | None]


class Shop(ABC):
    """Rows at a source, and how a tenant document reads them; a kind says where rows go (``add``) and the ``spec``."""

    spec: SourceSpec
    environ: dict[str, str]
    pulls = True

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.folder: Path = request.getfixturevalue("tmp_path")
        self.landing = open_blobs(str(self.folder / "landing"), {})
        self.environ = {}
        self.prepare(request)

    @abstractmethod
    def prepare(self, request: pytest.FixtureRequest) -> None:
        """Take what the kind needs, such as a server."""

    @abstractmethod
    def add(self, *rows: Row, columns: Row = ("user", "item")) -> None:
        """Put rows behind those that are there; without rows, only what a source without rows has."""

    @property
    def source(self) -> Source:
        """The source, opened anew."""
        return opened(self.spec, Place("acme", self.folder, self.environ, self.landing))

    def pulled(self) -> Source:
        """The same, and if it is outside, what is new there is landed."""
        if self.pulls:
            self.pull()
        return self.source

    def pull(self) -> Pulled:
        """Land what is new."""
        source = self.source
        assert isinstance(source, Pulling)
        return source.pull(NOW)

    def rows(self, needs: Needs | None = None) -> list[dict[str, Any]]:
        """All rows of all parts: ``ROW``, user, item."""
        source, found = self.pulled(), []
        for part in source.parts():
            with source.rows(part, needs or Needs(("item", "user"), ("item", "user"))) as rows:
                found += rows.select(ROW, "user", "item").collect().to_dicts()
        return found


class Files(Shop):
    """A folder with one CSV file per addition."""

    pulls = False

    def prepare(self, request: pytest.FixtureRequest) -> None:
        self.added = 0
        self.spec = SourceSpec(path="in")

    def add(self, *rows: Row, columns: Row = ("user", "item")) -> None:
        self.added += 1
        (self.folder / "in").mkdir(exist_ok=True)
        (self.folder / "in" / f"{self.added:03}.csv").write_text(_csv(columns, *rows), encoding="utf-8")


class Objects(Shop):
    """The same under a prefix of a bucket on S3."""

    pulls = False

    def prepare(self, request: pytest.FixtureRequest) -> None:
        self.added = 0
        self.bucket = request.getfixturevalue("bucket")
        self.client = request.getfixturevalue("s3_client")
        self.environ = request.getfixturevalue("s3_environ") | {"BUCKET": self.bucket}
        self.spec = SourceSpec(path="s3://${BUCKET}/in")

    def add(self, *rows: Row, columns: Row = ("user", "item")) -> None:
        self.added += 1
        body = _csv(columns, *rows).encode()
        self.client.put_object(Bucket=self.bucket, Key=f"in/{self.added:03}.csv", Body=body)


class PostgresSnapshot(Shop):
    """A table that numbers its rows."""

    cursor: str | None = None

    def prepare(self, request: pytest.FixtureRequest) -> None:
        self.database = request.getfixturevalue("postgres")
        self.environ = {"SHOP_DATABASE": self.database.url}
        settings = Postgres(url="${SHOP_DATABASE}", table="public.Orders", cursor=self.cursor, batch_rows=2)
        self.spec = SourceSpec(postgres=settings)

    def add(self, *rows: Row, columns: Row = ("user", "item")) -> None:
        declared = ", ".join(f'"{name}" text' for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        self.database.execute(
            f'CREATE TABLE IF NOT EXISTS "Orders" (n serial PRIMARY KEY, {declared})',
            *(f'INSERT INTO "Orders" ({names}) VALUES ({", ".join(map(_literal, row))})' for row in rows),
        )


class PostgresCursor(PostgresSnapshot):
    """The same table, read by its number."""

    cursor = "n"


class KafkaTopic(Shop):
    """A topic with one message per row."""

    def prepare(self, request: pytest.FixtureRequest) -> None:
        self.broker = request.getfixturevalue("kafka")
        self.environ = {"KAFKA_BROKERS": self.broker.address}
        quick = {"session_timeout_ms": "1000", "heartbeat_interval_ms": "100"}
        self.spec = SourceSpec(
            kafka=Kafka(brokers="${KAFKA_BROKERS}", topic=self.broker.topic(), idle_s=1.0, settings=quick)
        )

    def add(self, *rows: Row, columns: Row = ("user", "item")) -> None:
        assert self.spec.kafka is not None
        self.broker.send(self.spec.kafka.topic, list(_json(columns, *rows)))


class ServerSegments(Shop):
    """Segments that a server landed, one per addition."""

    pulls = False

    def prepare(self, request: pytest.FixtureRequest) -> None:
        self.added = 0
        self.spec = SourceSpec(server_log=ServerLog())

    def add(self, *rows: Row, columns: Row = ("user", "item")) -> None:
        self.added += 1
        if rows:
            body = b"".join(line + b"\n" for line in _json(columns, *rows))
            self.landing.create(f"events/tenant=acme/date=2026-01-01/{self.added:03}.jsonl", body)


def _json(columns: Row, *rows: Row) -> Iterator[bytes]:
    return (msgspec.json.encode(dict(zip(columns, row, strict=True))) for row in rows)


def _literal(value: str | None) -> str:
    return "NULL" if value is None else f"$q${value}$q$"


def _csv(*rows: Row) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


SHOPS: dict[str, type[Shop]] = {
    "files": Files,
    "objects": Objects,
    "postgres snapshot": PostgresSnapshot,
    "postgres cursor": PostgresCursor,
    "kafka": KafkaTopic,
    "server log": ServerSegments,
}


IN_PROCESS = {"files", "server log"}  # the others start a server


def _params(*, pulling: bool) -> list[Any]:
    kinds = {name: kind for name, kind in SHOPS.items() if kind.pulls or not pulling}
    return [
        pytest.param(kind, id=name, marks=() if name in IN_PROCESS else pytest.mark.slow)
        for name, kind in kinds.items()
    ]


@pytest.fixture(params=_params(pulling=False))
def shop(request: pytest.FixtureRequest) -> Shop:
    """A shop of every kind, with nothing in it; one suite runs over all of them."""
    made: Shop = request.param(request)
    return made


@pytest.fixture(params=_params(pulling=True))
def pulling_shop(request: pytest.FixtureRequest) -> Shop:
    """A shop of every kind that is copied to the landing area."""
    made: Shop = request.param(request)
    return made


@pytest.fixture
def postgres_shop(request: pytest.FixtureRequest) -> PostgresSnapshot:
    """A shop on Postgres whose table can be altered."""
    return PostgresSnapshot(request)


class Desk(NamedTuple):
    """A database, a landing area, and the sources between them."""

    database: Any
    folder: Path

    def source(self, url: str = "${SHOP}", **settings: Any) -> PostgresSource:
        spec = SourceSpec(postgres=Postgres(url=url, **settings))
        landing = open_blobs(str(self.folder / "landing"), {})
        return PostgresSource(spec, Place("acme", self.folder, {"SHOP": self.database.url}, landing))

    def pull(self, **settings: Any) -> Pulled:
        return self.source(**settings).pull(NOW)

    def values(self, column: str, **settings: Any) -> list[Any]:
        """One column of all landed rows."""
        source, found = self.source(**settings), []
        for part in source.parts():
            with source.rows(part, Needs((column,), (column,))) as rows:
                found += rows.collect()[column].to_list()
        return found


@pytest.fixture
def desk(postgres, tmp_path):
    return Desk(postgres, tmp_path)


@pytest.fixture
def impatient():
    """Retries without waiting."""
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield
