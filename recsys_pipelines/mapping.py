"""From a source's columns to ours, as the tenant document says: no code per data set.

The result is a *mapped* frame (see `recsys_pipelines.contract`): our columns, the row's number in the file, and for
each column that is not text what the source said where that could not be read. Beyond what the document says, for
every tenant: event types are accepted by number, name and alias; an item is available, and priced in the tenant's
currency, unless its source says otherwise; brand and category are tags too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from data_contracts.errors import InvalidDocument
from data_contracts.source_specs import Field, SourceSpec
from data_contracts.tables import EVENT_TYPES, EVENTS, ITEMS, Column, Table
from recsys_pipelines.catalog.money import minor_units
from recsys_pipelines.contract import KINDS, unreadable_columns
from recsys_pipelines.conversion import Raw, check_zone, converted, digest, number, text, truth
from recsys_pipelines.sources.source import ROW, Needs

VERSION = 3  # counts up when the same document gives other rows, so that files are mapped again

_ALIASES = {"cart": "add"} | {str(number): name for number, name in enumerate(EVENT_TYPES)}
_DEFAULTS = {"available": True, "archived": False, "cancelled": False}
_ORIGINS = ("column", "columns", "constant", "digest", "ratio", "product", "flags", "row_number")
_STRING = pl.String()


class _Made(NamedTuple):
    """One of our columns, how it is made, and what it is made from; ``also`` are further tags, by their prefix."""

    column: Column
    field: Field
    raw: Raw
    also: Sequence[tuple[str, Raw]] = ()


def mapped(rows: pl.LazyFrame, table: Table, spec: SourceSpec, currency: str) -> pl.LazyFrame:
    """``rows`` (with ``sources.source.ROW``) as rows of ``table``, without those that ``spec.where`` does not want."""
    types = rows.collect_schema()
    wanted = rows.filter(*(_is_one_of(text(_column(name, types)), value) for name, value in spec.where.items()))
    made = {name: _made(table.column(name), field, types) for name, field in fields(spec, table).items()}
    money = text(made["currency"].raw).fill_null(currency) if table is ITEMS else pl.lit(currency)
    values = [_value(made[name], money).alias(name) for name in table.names]
    lost = unreadable_columns(table)
    said = [text(made[name].raw).alias(kept) for name, kept in lost.items()]
    shaped = wanted.select(*values, pl.col(ROW).cast(pl.Int64).alias("row"), *said).with_columns(
        pl.when(pl.col(name).is_null()).then(kept).alias(kept) for name, kept in lost.items()
    )
    return _completed(shaped, currency) if table is ITEMS else shaped


def fields(spec: SourceSpec, table: Table) -> dict[str, Field]:
    """How each column of the table is made. Raises ``InvalidDocument`` for a column that the table does not have."""
    implicit = {name: Field(column=name, default=_DEFAULTS.get(name)) for name in table.names}
    return implicit | _explicit(spec, table)


def needs(spec: SourceSpec, table: Table) -> Needs:
    """Which columns of the source are read, and which must be there.

    By default those are all that the document names, and those that our table cannot do without.
    """
    named = _explicit(spec, table).values()
    explicit = {name for field in named for name in sources_of(field)} | set(spec.where)
    implicit = {column for column in table.columns if column.name not in spec.fields}
    vital = {column.name for column in implicit if not column.nullable and column.name not in _DEFAULTS}
    wanted = sorted(explicit | {column.name for column in implicit})
    return Needs(tuple(wanted), spec.required_columns or tuple(sorted(explicit | vital)))


def sources_of(field: Field) -> tuple[str, ...]:
    """Every column of the source that a field is made from."""
    return (*_reads(field), *field.also)


def _explicit(spec: SourceSpec, table: Table) -> dict[str, Field]:
    found = {name: Field(column=entry) if isinstance(entry, str) else entry for name, entry in spec.fields.items()}
    for name, field in found.items():
        _check(field, name, table)
    return found


def _check(field: Field, name: str, table: Table) -> None:
    place = f"sources.{table.name}: fields.{name}"
    if name not in table.names:
        raise InvalidDocument(f"{place}: {table.name} has no such column; it has {', '.join(table.names)}")
    given = [origin for origin in _ORIGINS if _is_given(getattr(field, origin), origin)]
    if len(given) != 1:
        raise InvalidDocument(
            f"{place}: say exactly one of {', '.join(_ORIGINS)}; it says {', '.join(given) or 'none'}"
        )
    if field.also and table.column(name).kind != "strings":
        raise InvalidDocument(f"{place}.also: {name} holds no tags; only columns of several values take more of them")
    if field.minor_units and not name.endswith("_minor"):
        raise InvalidDocument(f"{place}.minor_units: {name} holds no money; columns of money end with _minor")
    check_zone(field.timezone, place)


def _is_given(value: object, origin: str) -> bool:
    return value is not None if origin in {"column", "constant", "ratio", "product"} else bool(value)


def _reads(field: Field) -> Iterator[str]:
    """The source's columns that a field is made from, those of `also` not among them."""
    if field.column is not None:
        yield field.column
    yield from (*field.columns, *field.digest, *(field.ratio or ()), *(field.product or ()), *field.flags)


def _is_one_of(said: pl.Expr, wanted: str | tuple[str, ...]) -> pl.Expr:
    return said.is_in((wanted,) if isinstance(wanted, str) else wanted)


def _made(column: Column, field: Field, types: Mapping[str, pl.DataType]) -> _Made:
    also = [(prefix, _column(name, types)) for name, prefix in field.also.items()]
    return _Made(column, field, _raw(field, types), also)


def _value(made: _Made, currency: pl.Expr) -> pl.Expr:
    if made.field.minor_units:
        return minor_units(number(made.raw), currency)
    value = converted(made.raw, made.column.kind, made.field).cast(KINDS[made.column.kind])
    if made.also:
        more = [converted(raw, "strings", Field(prefix=prefix)) for prefix, raw in made.also]
        return pl.concat_list(value, *more).list.unique().list.sort()
    return value.str.to_lowercase().replace(_ALIASES) if made.column is EVENTS.column("type") else value


def _raw(field: Field, types: Mapping[str, pl.DataType]) -> Raw:
    """What the source has, after the field's value mapping and default."""
    found = _origin(field, types)
    if not field.values and field.default is None:
        return found
    said = text(Raw(text(found).replace(field.values), _STRING))
    return Raw(said if field.default is None else said.fill_null(_spelled(field.default)), _STRING)


def _origin(field: Field, types: Mapping[str, pl.DataType]) -> Raw:
    found = [_column(name, types) for name in _reads(field)]
    if field.row_number:
        return Raw(pl.col(ROW), pl.UInt32())
    if field.constant is not None:
        return Raw(pl.lit(_spelled(field.constant)), _STRING)
    if field.flags:
        return Raw(_flagged(found, field.flags), pl.List(_STRING))
    if field.ratio or field.product:
        return Raw(_ratio(*found) if field.ratio else number(found[0]) * number(found[1]), pl.Float64())
    if field.digest:
        return Raw(digest(found), _STRING)
    return found[0] if field.column is not None else Raw(_joined(found, field.join), _STRING)


def _column(name: str, types: Mapping[str, pl.DataType]) -> Raw:
    """A column, or the inside of one: ``payload.video.id`` of JSON text or of a struct."""
    if name in types:
        return Raw(pl.col(name), types[name])
    head, _, inside = name.partition(".")
    dtype = types.get(head, pl.Null())
    if isinstance(dtype, pl.String) and inside:
        return Raw(pl.col(head).str.json_path_match(f"$.{inside}"), _STRING)
    raw = Raw(pl.col(head) if head in types else pl.lit(None), dtype)
    for key in inside.split(".") if inside else ():
        raw = _inside(raw, key)
    return raw


def _inside(raw: Raw, key: str) -> Raw:
    inner = pl.Schema(raw.dtype.to_schema() if isinstance(raw.dtype, pl.Struct) else {})
    return Raw(raw.expr.struct.field(key), inner[key]) if key in inner else Raw(pl.lit(None), pl.Null())


def _ratio(first: Raw, second: Raw) -> pl.Expr:
    quotient = number(first) / number(second)
    return pl.when(quotient.is_finite()).then(quotient)


def _flagged(found: Sequence[Raw], flags: Mapping[str, str]) -> pl.Expr:
    """What the flags that are set stand for, in the document's order."""
    meanings = zip(found, flags.values(), strict=True)
    return pl.concat_list([pl.when(truth(flag)).then(pl.lit(value)) for flag, value in meanings]).list.drop_nulls()


def _joined(found: Sequence[Raw], join: str) -> pl.Expr:
    """One text of several; nothing where one of them is missing, since a part of an id is another id."""
    return pl.concat_str([text(each) for each in found], separator=join)


def _spelled(value: str | float | bool | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def _completed(items: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """Items with the tenant's currency where there is a price without one, and with brand and category as tags."""
    own = [pl.concat_str(pl.lit(f"{name}:"), pl.col(name).str.to_lowercase()) for name in ("brand", "category")]
    return items.with_columns(
        currency=pl.col("currency").fill_null(pl.when(pl.col("price_minor").is_not_null()).then(pl.lit(currency))),
        tags=pl.concat_list("tags", *own).list.drop_nulls().list.unique().list.sort(),
        available=pl.col("available") & ~pl.col("archived"),
    )
