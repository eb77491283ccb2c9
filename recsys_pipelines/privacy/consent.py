"""What is kept of events whose person agreed to less: `limited` narrows an event, `none` cuts it from its person.

| column | limited | none |
|---|---|---|
| user_id, anonymous_id | kept | dropped; ``anonymous_id`` becomes an id of this one event |
| session_id | dropped, unless it is all that says to whom the event happened | dropped |
| request_id, rank, meta | dropped | dropped |
| order_id | kept, for the books | dropped |
| event_id | kept | its pseudonym, since sources make ids of what they know |
| type, item, time, value, amount, surface | kept | kept |

So an event without consent still counts for what is popular, and nothing joins two of them: not to a person, a visit,
an order or a recommendation. A level that nobody knows counts as `none`; the contract rejects the row anyhow.
"""

import polars as pl

from data_contracts.pseudonym import Pseudonyms
from data_contracts.records import Consent

LIMITED, NONE = "consent_limited", "consent_none"  # flags of events
UNLINKED = "unlinked-"  # how the subjects of events without consent begin

_LEVEL = "__level"
_IS_NONE = pl.col(_LEVEL) == "none"
_CONTEXT = ("request_id", "rank", "rank__unreadable", "meta")


def narrowed(events: pl.DataFrame, default: Consent, pseudonyms: Pseudonyms | None) -> pl.DataFrame:
    """The events with what their consent allows, and a flag where something had to go."""
    said = events["consent"].fill_null(default)
    if not (said != "full").any():
        return events
    known = {level: level for level in ("full", "limited", "none")}
    level = said.replace_strict(known, default="none").alias(_LEVEL)
    cut = _unlinked(events.with_columns(level), pseudonyms)
    limited, none = pl.col(_LEVEL) == "limited", _IS_NONE
    less = limited | none
    has_person = pl.any_horizontal(pl.col("user_id", "anonymous_id").is_not_null())
    return cut.with_columns(
        *(_without(name, none) for name in ("user_id", "order_id")),
        *(_without(name, less) for name in _CONTEXT if name in events.columns),
        _without("session_id", none | (limited & has_person)),
        _flagged(limited, none),
    ).drop(_LEVEL)


def flagged(flags: pl.Expr, flag: pl.Expr) -> pl.Expr:
    """Flags, separated by commas, and one more where it is not null."""
    return pl.concat_str(flags, flag, separator=",", ignore_nulls=True).replace("", None)


def _flagged(limited: pl.Expr, none: pl.Expr) -> pl.Expr:
    flag = pl.when(limited).then(pl.lit(LIMITED)).when(none).then(pl.lit(NONE))
    return flagged(pl.col("flags"), flag).alias("flags")


def _without(name: str, where: pl.Expr) -> pl.Expr:
    return pl.when(~where).then(name).alias(name)


def _unlinked(events: pl.DataFrame, pseudonyms: Pseudonyms | None) -> pl.DataFrame:
    """Events without consent get an id, and a subject, that tell nothing of where they come from."""
    rows = events.filter(_IS_NONE)
    if rows.is_empty():
        return events
    if pseudonyms is None:
        raise ValueError(f"{rows.height} events carry no consent; without pseudonyms they cannot be unlinked")
    made = [None if id is None else pseudonyms.of(f"event:{id}") for id in rows["event_id"]]
    new = rows.select("row").with_columns(new_id=pl.Series(made, dtype=pl.String))
    joined = events.join(new, on="row", how="left", maintain_order="left")
    return joined.with_columns(
        event_id=pl.when(_IS_NONE).then("new_id").otherwise("event_id"),
        anonymous_id=pl.when(_IS_NONE).then(pl.concat_str(pl.lit(UNLINKED), "new_id")).otherwise("anonymous_id"),
    ).drop("new_id")
