"""Every table that one part of the suite writes and another reads: names, columns, and what a row must fulfil.

One declaration, three uses: the Great Expectations suites, the Polars schemas and the reference page are generated
from it. A table's ``key`` columns identify a row within a tenant; every sort ends with them.
"""

from typing import Literal

import msgspec

Kind = Literal["string", "int", "float", "bool", "timestamp", "strings", "vector"]
Shape = Literal["item_scores", "item_neighbors", "user_items", "vectors"]

EVENT_TYPES: tuple[str, ...] = ("view", "click", "add", "purchase", "custom")  # the position is the number
MAX_ID_LENGTH = 256
ID_PATTERN = r"^[^\x00-\x1f\x7f]{1,256}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column: its kind, and the rule that each of its values must fulfil."""

    name: str
    kind: Kind
    description: str
    nullable: bool = False
    one_of: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of columns; ``key`` identifies a row within one tenant."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of that name. Raises ``KeyError``."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)


def _id(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name=name, kind="string", description=description, nullable=nullable, pattern=ID_PATTERN)


def _text(name: str, description: str) -> Column:
    return Column(name=name, kind="string", description=description, nullable=True)


ITEMS = Table(
    name="items",
    description="The catalog: one row per item, the newest that the source gave.",
    key=("item_id",),
    columns=(
        _id("item_id", "Identifies the item within its tenant."),
        _text("title", "What a person reads."),
        _text("description", "Longer text, for search and content similarity."),
        _text("brand", "One brand; also a tag `brand:...`."),
        _text("category", "One category; also a tag `category:...`."),
        Column(
            name="price_minor",
            kind="int",
            nullable=True,
            minimum=0,
            description="Price in minor units (cents).",
        ),
        Column(
            name="currency",
            kind="string",
            nullable=True,
            pattern=CURRENCY_PATTERN,
            description="ISO 4217 code of the price.",
        ),
        Column(
            name="available",
            kind="bool",
            description="Whether it can be bought now; otherwise never recommended.",
        ),
        _id("parent_id", "The product of which this item is a variant.", nullable=True),
        Column(
            name="created_at",
            kind="timestamp",
            nullable=True,
            description="When it entered the catalog, UTC.",
        ),
        Column(name="tags", kind="strings", nullable=True, description="Lower-case tags such as `color:black`."),
        _text("url", "Where a person can see it."),
        _text("image_url", "Its picture."),
    ),
)

USERS = Table(
    name="users",
    description="Known users, with traits that are not personal data.",
    key=("user_id",),
    columns=(
        _id("user_id", "A pseudonym of the person within its tenant."),
        _text("segment", "The segment whose lists the user gets; empty means `default`."),
        _text("traits", "JSON object of non-personal traits (locale, device, loyalty)."),
        Column(name="created_at", kind="timestamp", nullable=True, description="When the account was made, UTC."),
    ),
)

EVENTS = Table(
    name="events",
    description="What happened, one row per event, partitioned by tenant and UTC day.",
    key=("event_id",),
    columns=(
        _id("event_id", "Given by the source, or a digest of the row; a repeated one is the same event."),
        Column(name="ts", kind="timestamp", description="When it happened, UTC."),
        Column(
            name="type",
            kind="string",
            one_of=EVENT_TYPES,
            description="view=0, click=1, add=2, purchase=3, custom=4.",
        ),
        _id("user_id", "Who did it, if known.", nullable=True),
        _id("anonymous_id", "The device or cookie, if the person is not known.", nullable=True),
        _id("session_id", "The visit.", nullable=True),
        _id("item_id", "On which item; empty only for events without one (order summaries).", nullable=True),
        Column(
            name="value",
            kind="float",
            nullable=True,
            minimum=0,
            description="Quantity bought, fraction watched, rating: by type.",
        ),
        _text("surface", "Where it happened (home, pdp, cart)."),
        _id("request_id", "The recommendation response that led to it.", nullable=True),
        Column(
            name="rank",
            kind="int",
            nullable=True,
            minimum=1,
            description="Position in that response, from 1.",
        ),
        _text("meta", "JSON object of what else the source said."),
    ),
)

REJECTED = Table(
    name="rejected",
    description="Rows that broke a contract, kept with the reason and where they came from.",
    key=("file", "row", "rule"),
    columns=(
        _text("table", "The table the row was meant for."),
        _text("file", "The file, relative to its source."),
        Column(
            name="row",
            kind="int",
            minimum=1,
            description="Its row in that file, from 1, headers not counted.",
        ),
        _text("rule", "The rule it broke, such as `type: one of view, click, add, purchase, custom`."),
        _text("value", "The offending value, cut at 200 characters."),
    ),
)

INTERACTIONS = Table(
    name="interactions",
    description="Weighted user-item pairs: what training and evaluation read.",
    key=("user_id", "item_id"),
    columns=(
        _id("user_id", "The person (after merging anonymous ids that logged in)."),
        _id("item_id", "The item."),
        Column(name="weight", kind="float", minimum=0, description="Sum of decayed event weights."),
        Column(name="last_ts", kind="timestamp", description="The newest event of the pair, UTC."),
        Column(name="count", kind="int", minimum=1, description="How many events the pair has."),
    ),
)

ITEM_SCORES = Table(
    name="item_scores",
    description="A ranked list of items, one per segment; the empty segment is the list for everybody.",
    key=("segment", "item_id"),
    columns=(
        Column(name="segment", kind="string", description="Empty for everybody, or such as `category:audio`."),
        _id("item_id", "The item."),
        Column(name="score", kind="float", description="Higher is better."),
    ),
)

ITEM_NEIGHBORS = Table(
    name="item_neighbors",
    description="For an item, others that go with it.",
    key=("item_id", "neighbor_id"),
    columns=(
        _id("item_id", "The item one looks at."),
        _id("neighbor_id", "The item that goes with it; never itself."),
        Column(name="score", kind="float", description="Higher is closer."),
    ),
)

USER_ITEMS = Table(
    name="user_items",
    description="For a user, a list of items.",
    key=("user_id", "item_id"),
    columns=(
        _id("user_id", "The user."),
        _id("item_id", "The item."),
        Column(name="score", kind="float", description="Higher is better, or what the artifact says it means."),
    ),
)

VECTORS = Table(
    name="vectors",
    description="One vector per item and, for factor models, per user; their dot product is the score.",
    key=("entity", "id"),
    columns=(
        Column(name="entity", kind="string", one_of=("item", "user"), description="What the id names."),
        _id("id", "Item or user id."),
        Column(name="vector", kind="vector", description="float32, the same length in every row."),
    ),
)

RECS = Table(
    name="recs",
    description="What was recommended, for evaluation.",
    key=("user_id", "rank"),
    columns=(
        _id("user_id", "The user."),
        _id("item_id", "The item."),
        Column(name="rank", kind="int", minimum=1, description="Position, from 1."),
        Column(name="score", kind="float", nullable=True, description="The score it had, if known."),
    ),
)

TRUTH = Table(
    name="truth",
    description="What the user really chose, for evaluation: one row per relevant item.",
    key=("user_id", "item_id"),
    columns=(_id("user_id", "The user."), _id("item_id", "A relevant item.")),
)

SHAPES: dict[Shape, Table] = {
    "item_scores": ITEM_SCORES,
    "item_neighbors": ITEM_NEIGHBORS,
    "user_items": USER_ITEMS,
    "vectors": VECTORS,
}
TABLES: tuple[Table, ...] = (
    ITEMS,
    USERS,
    EVENTS,
    REJECTED,
    INTERACTIONS,
    ITEM_SCORES,
    ITEM_NEIGHBORS,
    USER_ITEMS,
    VECTORS,
    RECS,
    TRUTH,
)
