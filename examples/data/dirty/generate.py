"""Makes the folders of this folder: one small batch per way in which data can be bad, and the table in README.md.

Each case is a tenant of its own (``tenant.json``, ``items.csv``, ``events.csv``), made from one clean batch of 48 items
and 120 events by spoiling some rows or the whole file.
"""

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from recsys_pipelines.synthetic import shop
from recsys_pipelines.synthetic_files import main

FOLDER = Path(__file__).parent
ITEM_COLUMNS = ("item_id", "title", "brand", "category", "price_minor", "available")
EVENT_COLUMNS = ("event_id", "ts", "type", "user_id", "session_id", "item_id", "value")
ROWS = 120

Rows = list[dict[str, str]]
Spoil = Callable[[Rows], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to be bad, and what must come of it.

    ``rejected`` counts rejected rows by rule, as ``checks.severity`` of a tenant document names it; ``repeated`` rows
    are dropped as copies. ``stopped_by`` is the check that stops the batch and why, or empty if it goes on.
    ``spoil_file`` works on the bytes of ``events.csv``, ``checks`` stand in the tenant document.
    """

    name: str
    wrong: str
    rejected: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    stopped_by: str = ""
    events: Spoil = list
    items: Spoil = list
    spoil_file: Callable[[bytes], bytes] = bytes
    checks: dict[str, object] = field(default_factory=dict)


def put(column: str, *values: str, first: int = 10) -> Spoil:
    """Overwrite the column in as many rows as there are values; ``first`` is the number of the first one, from 1."""

    def spoil(rows: Rows) -> None:
        for row, value in zip(rows[first - 1 :], values, strict=False):
            row[column] = value

    return spoil


def each(*spoils: Spoil) -> Spoil:
    """One after the other, on the same rows."""

    def spoil(rows: Rows) -> None:
        for one in spoils:
            one(rows)

    return spoil


def nobody(rows: Rows) -> None:
    """Rows 10 and 11 do not say whose they are."""
    each(put("user_id", "", ""), put("session_id", "", ""))(rows)


def twice(rows: Rows) -> None:
    """Three events come once more at the end, one of them with another value."""
    rows.extend(dict(row) for row in rows[9:12])
    rows[-1]["value"] = "9.0"


def is_late_view(row: dict[str, str]) -> bool:
    """A view on the last of the eight days."""
    return row["type"] == "view" and row["ts"] >= "2026-01-08"


def rename(old: str, new: str) -> Callable[[bytes], bytes]:
    """Another name in the header."""
    return lambda body: body.replace(old.encode(), new.encode(), 1)


def drop(column: str) -> Callable[[bytes], bytes]:
    """The file without one of its columns."""

    def without(body: bytes) -> bytes:
        rows = list(csv.DictReader(io.StringIO(body.decode())))
        return table(rows, tuple(name for name in EVENT_COLUMNS if name != column))

    return without


BELL, ESCAPE = "\x07", "\x1b"
LONG = "x" * 300
CASES = (
    Case(name="clean", wrong="nothing: the batch that all others are made from"),
    Case(
        name="bad-types",
        wrong="a text where a number must be (`value`, `price_minor`)",
        rejected={"events.value.type": 2, "items.price_minor.type": 1},
        events=put("value", "many", "1,5"),
        items=put("price_minor", "cheap"),
    ),
    Case(
        name="unknown-type",
        wrong="event types that do not exist: `hover`, number 7",
        rejected={"events.type.one_of": 2},
        events=put("type", "hover", "7"),
    ),
    Case(
        name="missing-user",
        wrong="neither user, anonymous id nor session",
        rejected={"events.user_id.subject": 2},
        events=nobody,
    ),
    Case(
        name="negative-price",
        wrong="a price and a quantity below zero",
        rejected={"items.price_minor.minimum": 2, "events.value.minimum": 1},
        items=put("price_minor", "-100", "-1"),
        events=put("value", "-2.0"),
    ),
    Case(
        name="unparsable-time",
        wrong="times that are none: a word, a month 13, nothing",
        rejected={"events.ts.type": 2, "events.ts.not_null": 1},
        events=put("ts", "yesterday", "2026-13-45T00:00:00Z", ""),
    ),
    Case(
        name="future-time",
        wrong="events of the year 2099",
        rejected={"events.ts.not_future": 2},
        events=put("ts", "2099-01-01T00:00:00Z", "2099-12-31T23:59:59Z"),
    ),
    Case(
        name="duplicate-ids",
        wrong="three event ids that come twice, one with another value: the first one counts",
        repeated=3,
        events=twice,
    ),
    Case(
        name="control-characters",
        wrong="control characters in ids",
        rejected={"events.item_id.pattern": 1, "events.user_id.pattern": 1},
        events=each(put("item_id", f"i0{BELL}1"), put("user_id", f"u{ESCAPE}[31m", first=11)),
    ),
    Case(
        name="over-long-ids",
        wrong="ids of 300 characters, where 256 is the limit",
        rejected={"events.event_id.pattern": 1, "events.item_id.pattern": 1},
        events=each(put("event_id", LONG), put("item_id", LONG, first=11)),
    ),
    Case(
        name="missing-ids",
        wrong="rows without the id that names them",
        rejected={"events.event_id.not_null": 1, "items.item_id.not_null": 1},
        events=put("event_id", ""),
        items=put("item_id", "", first=48),
    ),
    Case(
        name="mixed",
        wrong="most of the above in one batch",
        rejected={
            "events.value.type": 1,
            "events.type.one_of": 1,
            "events.user_id.subject": 1,
            "events.ts.type": 1,
            "events.ts.not_future": 1,
            "events.item_id.pattern": 2,
            "items.price_minor.minimum": 1,
        },
        repeated=3,
        events=each(
            put("value", "many", first=15),
            put("type", "hover", first=20),
            each(put("user_id", "", first=30), put("session_id", "", first=30)),
            put("ts", "yesterday", "2099-01-01T00:00:00Z", first=40),
            put("item_id", f"i0{BELL}1", LONG, first=50),
            twice,
        ),
        items=put("price_minor", "-100"),
    ),
    Case(
        name="half-invalid",
        wrong="every second row has an unknown type",
        rejected={"events.type.one_of": ROWS // 2},
        stopped_by="events.file.rejected_share: more than a tenth of the file's rows rejected",
        events=lambda rows: [put("type", "hover", first=number)(rows) for number in range(1, ROWS, 2)],
    ),
    Case(
        name="unknown-items",
        wrong="half of the events are on items that the catalog does not have",
        stopped_by="events.item_id.known: more than a fifth of the events on unknown items",
        events=lambda rows: [row.update(item_id=f"gone-{row['item_id']}") for row in rows[::2]],
    ),
    Case(
        name="views-gone",
        wrong="no view on the last day, which has seven days before it with nine views each",
        stopped_by="events.volume.type: far fewer views than on the days before",
        events=lambda rows: rows.__setitem__(slice(None), [row for row in rows if not is_late_view(row)]),
        checks={
            "volume": {"minimum_events": 5, "deviations": 2.5},
            "severity": {"events.volume.type": "block"},
        },
    ),
    Case(
        name="empty-file",
        wrong="`events.csv` has no byte",
        stopped_by="events.file.empty: no byte",
        spoil_file=lambda body: body[:0],
    ),
    Case(
        name="header-only",
        wrong="`events.csv` has a header and no row",
        stopped_by="events.file.rows: a file without rows",
        spoil_file=lambda body: body.splitlines(keepends=True)[0],
    ),
    Case(
        name="wrong-encoding",
        wrong="Latin-1 bytes in a file that is declared as UTF-8",
        stopped_by="events.file.encoding: bytes that are not UTF-8",
        events=put("session_id", "café"),
        spoil_file=lambda body: body.decode().encode("latin-1"),
    ),
    Case(
        name="broken-line",
        wrong="a line with a field too many, as an unquoted comma makes it",
        stopped_by="events.file.malformed: a line that does not fit the header",
        spoil_file=lambda body: body.replace(b",view,", b",view,by hand,", 1),
    ),
    Case(
        name="missing-column",
        wrong="`events.csv` has no column `item_id`",
        stopped_by="events.file.columns: schema drift, a required column is missing",
        spoil_file=drop("item_id"),
    ),
    Case(
        name="renamed-column",
        wrong="`item_id` of `events.csv` is now called `productId`",
        stopped_by="events.file.columns: schema drift, a required column is missing",
        spoil_file=rename("item_id", "productId"),
    ),
)


def write_files(folder: Path) -> None:
    """A folder per case, and README.md."""
    for case in CASES:
        write_case(case, folder / case.name)
    (folder / "README.md").write_text(readme(), encoding="utf-8")


def write_case(case: Case, folder: Path) -> None:
    """The three files of one case."""
    items, events = clean()
    case.items(items)
    case.events(events)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "items.csv").write_bytes(table(items, ITEM_COLUMNS))
    (folder / "events.csv").write_bytes(case.spoil_file(table(events, EVENT_COLUMNS)))
    (folder / "tenant.json").write_text(json.dumps(document(case), indent=2) + "\n", encoding="utf-8")


def clean() -> tuple[Rows, Rows]:
    """The rows of the good batch, as texts."""
    items, _, events = shop(seed=11, users=20, items=48, events=ROWS, days=8)
    texts = pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return _texts(items.select(ITEM_COLUMNS)), _texts(events.with_columns(texts).select(EVENT_COLUMNS))


def _texts(frame: pl.DataFrame) -> Rows:
    return frame.cast(pl.String).fill_null("").to_dicts()


def table(rows: Rows, columns: tuple[str, ...]) -> bytes:
    """The rows as CSV in UTF-8."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def document(case: Case) -> dict[str, object]:
    """The tenant document of a case: the same for all but name, description and checks."""
    checks = {"checks": case.checks} if case.checks else {}
    return {
        "schema": "recsys.tenant/1",
        "tenant": case.name,
        "description": f"Bad on purpose: {case.wrong}",
        "first_day": "2026-01-01",
        "sources": {
            "items": [{"path": "items.csv"}],
            "events": [{"path": "events.csv", "required_columns": list(EVENT_COLUMNS)}],
        },
        "algorithms": {"popularity": {}},
        "ranking": {"weights": {"popularity": 1.0}},
        "surfaces": {"home": {}},
        **checks,
    }


def readme() -> str:
    """README.md, so that its table cannot differ from the cases."""
    lines = [f"| `{case.name}` | {case.wrong} | {_counts(case)} | {_outcome(case)} |" for case in CASES]
    return README + "\n".join(lines) + "\n"


def _counts(case: Case) -> str:
    counts = [f"{count} by `{rule}`" for rule, count in case.rejected.items()]
    copies = [f"{case.repeated} copies dropped"] if case.repeated else []
    return ", ".join(counts + copies) or "none"


def _outcome(case: Case) -> str:
    check, _, why = case.stopped_by.partition(": ")
    return f"**stops** at `{check}`: {why}" if check else "goes on"


README = """# Bad batches

One folder per way in which data can be bad. Each is a tenant of its own: a document, a catalog of 48 items and a
file of 120 events, clean but for what the table says. `generate.py` makes all of it, this page included;
`generate.py --check` says whether something differs.

```
RECSYS_TENANTS=examples/data/dirty recsys run daily --tenant half-invalid
```

A bad *row* goes to the `rejected` table with file, row number, rule and value, and the batch goes on without it. A bad
*batch* stops before anything is published, with a message that names the file, the number of rows, the rule and
examples, and `recsys` ends with exit code 4; a server goes on with the generation that it has.

| folder | what is wrong | rejected rows | what must happen |
|---|---|---|---|
"""


if __name__ == "__main__":
    sys.exit(main(write_files, FOLDER, sys.argv[1:]))
