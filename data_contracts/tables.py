"""Every table that one part of the suite writes and another reads: names, columns, and what a row must fulfil.

One declaration, three uses: the Great Expectations suites, the Polars schemas and the reference page are generated
from it. A table's ``key`` columns identify a row within a tenant; every sort ends with them.
"""

from typing import Literal

from data_contracts.catalog_tables import ITEM_CHANGES
from data_contracts.feature_tables import EMBEDDINGS, ITEM_FEATURES, USER_FEATURES
from data_contracts.feedback_tables import ATTRIBUTIONS, BAD_OUTCOMES, EXPOSURES, FUNNEL, VOLUMES
from data_contracts.table import (
    CURRENCY_PATTERN,
    ID_PATTERN,
    MAX_ID_LENGTH,
    Column,
    Kind,
    Table,
    id_column,
    text_column,
)

__all__ = ["CURRENCY_PATTERN", "ID_PATTERN", "MAX_ID_LENGTH", "Column", "Kind", "Table"]

Shape = Literal["item_scores", "item_neighbors", "user_items", "vectors"]

EVENT_TYPES: tuple[str, ...] = ("view", "click", "add", "purchase", "custom")  # the position is the number

ITEMS = Table(
    name="items",
    description="The catalog: one row per item, the newest that the source gave.",
    key=("item_id",),
    columns=(
        id_column("item_id", "Identifies the item within its tenant."),
        text_column("title", "What a person reads."),
        text_column("description", "Longer text, for search and content similarity."),
        text_column("brand", "One brand; also a tag `brand:...`."),
        text_column("category", "One category; also a tag `category:...`."),
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
        id_column("parent_id", "The product of which this item is a variant.", nullable=True),
        Column(
            name="created_at",
            kind="timestamp",
            nullable=True,
            description="When it entered the catalog, UTC.",
        ),
        Column(name="tags", kind="strings", nullable=True, description="Lower-case tags such as `color:black`."),
        text_column("url", "Where a person can see it."),
        text_column("image_url", "Its picture."),
        Column(
            name="archived",
            kind="bool",
            description="Whether it left the catalog: never recommended again, its history stays.",
        ),
        Column(name="updated_at", kind="timestamp", nullable=True, description="When the source changed it, UTC."),
    ),
)

USERS = Table(
    name="users",
    description="Known users, with traits that are not personal data.",
    key=("user_id",),
    columns=(
        id_column("user_id", "A pseudonym of the person within its tenant."),
        text_column("segment", "The segment whose lists the user gets; empty means `default`."),
        text_column("traits", "JSON object of non-personal traits (locale, device, loyalty)."),
        Column(name="created_at", kind="timestamp", nullable=True, description="When the account was made, UTC."),
        Column(name="updated_at", kind="timestamp", nullable=True, description="When the source changed it, UTC."),
    ),
)

EVENTS = Table(
    name="events",
    description="What happened, one row per event, partitioned by tenant and UTC day.",
    key=("event_id",),
    columns=(
        id_column("event_id", "Given by the source, or a digest of the row; a repeated one is the same event."),
        Column(name="ts", kind="timestamp", description="When it happened, UTC."),
        Column(
            name="type",
            kind="string",
            one_of=EVENT_TYPES,
            description="view=0, click=1, add=2, purchase=3, custom=4.",
        ),
        id_column("user_id", "Who did it, if known.", nullable=True),
        id_column("anonymous_id", "The device or cookie, if the person is not known.", nullable=True),
        id_column("session_id", "The visit.", nullable=True),
        id_column("item_id", "On which item; empty only for events without one (order summaries).", nullable=True),
        Column(
            name="value",
            kind="float",
            nullable=True,
            minimum=0,
            description="Quantity bought, fraction watched, rating: by type.",
        ),
        text_column("surface", "Where it happened (home, pdp, cart)."),
        id_column("request_id", "The recommendation response that led to it.", nullable=True),
        Column(
            name="rank",
            kind="int",
            nullable=True,
            minimum=1,
            description="Position in that response, from 1.",
        ),
        Column(
            name="amount_minor",
            kind="int",
            nullable=True,
            minimum=0,
            description="What was paid for it in all, in minor units of the tenant's currency.",
        ),
        id_column("order_id", "The order that a purchase belongs to.", nullable=True),
        Column(name="received_at", kind="timestamp", nullable=True, description="When a server received it, UTC."),
        Column(
            name="consent",
            kind="string",
            nullable=True,
            one_of=("full", "limited", "none"),
            description="What the person agreed to; empty is what the tenant's privacy policy assumes.",
        ),
        text_column("flags", "What was done to the row on the way, such as `clock_clamped`, separated by commas."),
        text_column("meta", "JSON object of what else the source said."),
    ),
)

ORDERS = Table(
    name="orders",
    description="Orders as the shop's own books have them, to reconcile purchases with.",
    key=("order_id",),
    columns=(
        id_column("order_id", "Identifies the order within its tenant."),
        Column(name="ts", kind="timestamp", description="When it was placed, UTC."),
        id_column("user_id", "Who ordered.", nullable=True),
        Column(name="total_minor", kind="int", nullable=True, minimum=0, description="Its total, in minor units."),
        Column(name="lines", kind="int", nullable=True, minimum=0, description="How many different items it has."),
        Column(name="cancelled", kind="bool", description="Whether it does not count any more."),
    ),
)

REJECTED = Table(
    name="rejected",
    description="Rows that broke a contract, kept with the reason and where they came from.",
    key=("file", "row", "rule"),
    columns=(
        text_column("table", "The table the row was meant for."),
        text_column("file", "The file, relative to its source."),
        Column(
            name="row",
            kind="int",
            minimum=1,
            description="Its row in that file, from 1, headers not counted.",
        ),
        text_column("rule", "The rule it broke, such as `type: one of view, click, add, purchase, custom`."),
        text_column("value", "The offending value, cut at 200 characters."),
    ),
)

INTERACTIONS = Table(
    name="interactions",
    description="Weighted user-item pairs: what training and evaluation read.",
    key=("user_id", "item_id"),
    columns=(
        id_column("user_id", "The person (after merging anonymous ids that logged in)."),
        id_column("item_id", "The item."),
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
        id_column("item_id", "The item."),
        Column(name="score", kind="float", description="Higher is better."),
    ),
)

ITEM_NEIGHBORS = Table(
    name="item_neighbors",
    description="For an item, others that go with it.",
    key=("item_id", "neighbor_id"),
    columns=(
        id_column("item_id", "The item one looks at."),
        id_column("neighbor_id", "The item that goes with it; never itself."),
        Column(name="score", kind="float", description="Higher is closer."),
    ),
)

USER_ITEMS = Table(
    name="user_items",
    description="For a user, a list of items.",
    key=("user_id", "item_id"),
    columns=(
        id_column("user_id", "The user."),
        id_column("item_id", "The item."),
        Column(name="score", kind="float", description="Higher is better, or what the artifact says it means."),
    ),
)

VECTORS = Table(
    name="vectors",
    description="One vector per item and, for factor models, per user; their dot product is the score.",
    key=("entity", "id"),
    columns=(
        Column(name="entity", kind="string", one_of=("item", "user"), description="What the id names."),
        id_column("id", "Item or user id."),
        Column(name="vector", kind="vector", description="float32, the same length in every row."),
    ),
)

RECS = Table(
    name="recs",
    description="What was recommended, for evaluation.",
    key=("user_id", "rank"),
    columns=(
        id_column("user_id", "The user."),
        id_column("item_id", "The item."),
        Column(name="rank", kind="int", minimum=1, description="Position, from 1."),
        Column(name="score", kind="float", nullable=True, description="The score it had, if known."),
    ),
)

TRUTH = Table(
    name="truth",
    description="What the user really chose, for evaluation: one row per relevant item.",
    key=("user_id", "item_id"),
    columns=(id_column("user_id", "The user."), id_column("item_id", "A relevant item.")),
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
    ORDERS,
    REJECTED,
    INTERACTIONS,
    ITEM_SCORES,
    ITEM_NEIGHBORS,
    USER_ITEMS,
    VECTORS,
    RECS,
    TRUTH,
    ITEM_CHANGES,
    USER_FEATURES,
    ITEM_FEATURES,
    EMBEDDINGS,
    EXPOSURES,
    ATTRIBUTIONS,
    FUNNEL,
    VOLUMES,
    BAD_OUTCOMES,
)
