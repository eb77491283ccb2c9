"""Features: what is known of a user and of an item as of an instant, one column per event type and window of days.

The windows are the tenant's, so their tables are made by ``user_features`` and ``item_features``; ``USER_FEATURES`` and
``ITEM_FEATURES`` are those of a document that says nothing. A window of ``w`` days holds ``as_of`` - w days <= ts <
``as_of``; the longest one is all that is looked at. Vectors of texts are in ``EMBEDDINGS``.
"""

from collections.abc import Iterator, Sequence

from data_contracts.table import Column, Table, id_column, text_column

WINDOWS_DAYS: tuple[int, ...] = (1, 7, 28, 90)
DIMENSIONS = 384  # of a text embedding, whatever made it
PLURALS: dict[str, str] = {
    "view": "views",
    "click": "clicks",
    "add": "adds",
    "purchase": "purchases",
    "custom": "customs",
}


def user_features(windows_days: Sequence[int] = WINDOWS_DAYS) -> Table:
    """The table of user features with these windows."""
    return Table(
        name="user_features",
        description="Persons who did anything in the longest window before `as_of`; everybody else has no row.",
        key=("user_id",),
        columns=(
            id_column("user_id", "The person (after merging anonymous ids that logged in)."),
            _AS_OF,
            Column(name="last_seen", kind="timestamp", description="The newest event, UTC."),
            Column(name="recency_days", kind="float", minimum=0, description="Days from then to `as_of`."),
            text_column("segment", "As the users table says."),
            *_counts(windows_days),
            *_windowed("items", "Different items of the catalog", windows_days),
            *_windowed("monetary_minor", "What was paid, in minor units of the tenant's currency", windows_days),
            Column(name="categories", kind="strings", description="The strongest categories, best first."),
            Column(name="category_shares", kind="vector", description="Their shares of all weight with a category."),
            Column(name="brands", kind="strings", description="The strongest brands, best first."),
            Column(name="brand_shares", kind="vector", description="Their shares of all weight with a brand."),
            text_column("embedding", "Where the user's vector is, `artifact/user/id`; empty if there is none."),
        ),
    )


def item_features(windows_days: Sequence[int] = WINDOWS_DAYS) -> Table:
    """The table of item features with these windows."""
    return Table(
        name="item_features",
        description="Every item that was in the catalog before `as_of`, also those that nobody touched.",
        key=("item_id",),
        columns=(
            id_column("item_id", "The item."),
            _AS_OF,
            *_counts(windows_days),
            *_windowed("users", "Different persons", windows_days),
            _share("add_rate", "Adds per view over the longest window, smoothed towards the tenant's rate."),
            _share("purchase_rate", "Purchases per view over the longest window, smoothed likewise."),
            Column(
                name="trend", kind="float", minimum=0, description="Daily events lately over usually; 1 is as ever."
            ),
            Column(name="price_minor", kind="int", nullable=True, minimum=0, description="The price then."),
            text_column("currency", "ISO 4217 code of the price."),
            Column(name="available", kind="bool", description="Whether it could be bought then."),
            Column(name="age_days", kind="float", nullable=True, minimum=0, description="Days since it was created."),
            text_column("category", "One category."),
            Column(name="category_rank", kind="int", minimum=1, description="By weight in its category; 1 is first."),
        ),
    )


def _counts(windows_days: Sequence[int]) -> Iterator[Column]:
    yield from _windowed("events", "Events of all types", windows_days)
    for type, plural in PLURALS.items():
        yield from _windowed(plural, f"Events of type {type}", windows_days)


def _windowed(name: str, what: str, windows_days: Sequence[int]) -> Iterator[Column]:
    for days in windows_days:
        yield Column(name=f"{name}_{days}d", kind="int", minimum=0, description=f"{what} within {days} days.")


def _share(name: str, description: str) -> Column:
    return Column(name=name, kind="float", minimum=0, maximum=1, description=description)


_AS_OF = Column(name="as_of", kind="timestamp", description="Nothing from then on was looked at, UTC.")

USER_FEATURES = user_features()
ITEM_FEATURES = item_features()
EMBEDDINGS = Table(
    name="embeddings",
    description="One vector per item of the catalog, made of title, description, brand and category.",
    key=("item_id",),
    columns=(
        id_column("item_id", "The item."),
        Column(
            name="content_hash", kind="string", description="Of the text and the encoder; the same one, same vector."
        ),
        Column(name="encoder", kind="string", description="What made the vector, with its version."),
        Column(name="vector", kind="vector", description="384 float32 of length 1; all zero where there is no text."),
    ),
)
