"""What the pipeline keeps about the catalog beside the catalog itself."""

from data_contracts.table import CURRENCY_PATTERN, Column, Table, id_column

ITEM_CHANGES = Table(
    name="item_changes",
    description="Per day: items whose price or state differs from what was known before that day.",
    key=("item_id",),
    columns=(
        id_column("item_id", "The item."),
        Column(
            name="valid_from",
            kind="timestamp",
            description="Since when it is so: when the source changed it, or else the beginning of the day, UTC.",
        ),
        Column(name="price_minor", kind="int", nullable=True, minimum=0, description="Its price in minor units."),
        Column(
            name="currency",
            kind="string",
            nullable=True,
            pattern=CURRENCY_PATTERN,
            description="ISO 4217 code of the price.",
        ),
        Column(name="available", kind="bool", description="Whether it can be bought."),
        Column(name="archived", kind="bool", description="Whether it left the catalog."),
    ),
)
