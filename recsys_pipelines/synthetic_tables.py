"""What a synthetic shop writes down of its world: the canonical items, users and events."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_pipelines.synthetic_sessions import Block, Drawn, blocks, draw
from recsys_pipelines.synthetic_world import CLUSTERS, NEW, SELLS_OUT, STYLES, Bools, Ints, World, moment

BRANDS = (
    *("Auriga", "Bellwood", "Cantoris", "Dynavox", "Emberly", "Forno", "Gustara", "Hollis"),
    *("Ibex", "Jotun", "Kestrel", "Larkfell", "Meadow", "Nettle", "Orchard", "Petalo"),
    *("Quibble", "Rascal", "Sprocket", "Tumble", "Umbra", "Verso", "Writewell", "Yarrow"),
)
BRANDS_PER_CLUSTER = len(BRANDS) // len(CLUSTERS)
NOUNS = (
    *("headphones", "speaker", "turntable", "microphone", "pan", "kettle", "knife", "mixer"),
    *("tent", "rucksack", "lantern", "stove", "spade", "planter", "hose", "trellis"),
    *("puzzle", "kite", "robot", "blocks", "lamp", "chair", "notebook", "organizer"),
)
NOUNS_PER_CLUSTER = len(NOUNS) // len(CLUSTERS)
STYLE_NAMES = ("classic", "compact", "premium", "playful")
COLORS = ("black", "white", "blue", "green", "red")
PRICES_MINOR = (7_900, 3_900, 9_900, 2_900, 1_900, 4_900)  # the middle of each cluster
STEPS = ("view", "click", "add", "purchase")
SURFACES = ("home", "pdp", "cart")
DEVICES = ("mobile", "desktop", "tablet")
LOCALES = ("en-GB", "de-DE", "fr-FR")


def item_rows(world: World) -> pl.DataFrame:
    """The canonical catalog, by item id."""
    stock, rng = world.stock, world.size.rng("catalog", 1)
    rows = len(stock.group)
    product = np.where(stock.family >= 0, stock.family, np.arange(rows))  # what variants share is drawn once
    brand = stock.cluster * BRANDS_PER_CLUSTER + _skewed(rng, rows, BRANDS_PER_CLUSTER)[product]
    noun = stock.cluster * NOUNS_PER_CLUSTER + rng.integers(0, NOUNS_PER_CLUSTER, rows)[product]
    color = (np.arange(rows) + rng.integers(0, len(COLORS), rows)[product]) % len(COLORS)
    style = stock.group % STYLES
    named = pl.DataFrame(
        {
            "item_id": _ids("i", stock.number),
            "brand": _taken(BRANDS, brand),
            "noun": _taken(NOUNS, noun),
            "color": _taken(COLORS, color),
            "style": _taken(STYLE_NAMES, style),
            "category": _taken(CLUSTERS, stock.cluster),
            "price_minor": _prices(world, rng, product),
            "available": stock.kind != SELLS_OUT,
            "parent_id": _ids("p", stock.family + 1, stock.family >= 0),
            "created_at": _created(world, rng, product),
        }
    )
    return named.select(
        "item_id",
        pl.format("{} {} {}, {}", "brand", "style", "noun", "color").alias("title"),
        pl.format("A {} {} by {}, in {}.", "style", "noun", "brand", "color").alias("description"),
        "brand",
        "category",
        "price_minor",
        pl.lit("EUR").alias("currency"),
        "available",
        "parent_id",
        pl.col("created_at").dt.replace_time_zone("UTC"),
        pl.concat_list(pl.format("color:{}", "color"), pl.format("style:{}", "style")).alias("tags"),
        pl.format("https://shop.example/items/{}", "item_id").alias("url"),
        pl.format("https://shop.example/images/{}.jpg", "item_id").alias("image_url"),
    ).sort("item_id")


def user_rows(world: World) -> pl.DataFrame:
    """The canonical users; visitors who never log in are not among them."""
    people, rng = world.people, world.size.rng("people", 1)
    rows = people.users
    segment = np.where(people.newcomers, 0, np.where(people.activity[:rows] > 4, 2, 1))  # noqa: PLR2004
    named = pl.DataFrame(
        {
            "user_id": _ids("u", np.arange(rows) + 1),
            "segment": _taken(("new", "regular", "vip"), segment),
            "device": _taken(DEVICES, _skewed(rng, rows, len(DEVICES))),
            "locale": _taken(LOCALES, _skewed(rng, rows, len(LOCALES))),
            "created_at": moment(world.size, people.joined_s[:rows]),
        }
    )
    return named.select(
        "user_id",
        "segment",
        pl.struct("device", "locale").struct.json_encode().alias("traits"),
        pl.col("created_at").dt.replace_time_zone("UTC"),
    )


def event_rows(world: World, chunk: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """The canonical events, at most ``chunk`` of a day at a time, each with a name such as ``2026-01-01-000``."""
    item_ids = _ids("i", world.stock.number)
    return (
        (_name(world, block), _events(world, block, draw(world, block), item_ids)) for block in blocks(world, chunk)
    )


def _events(world: World, block: Block, drawn: Drawn, item_ids: pl.Series) -> pl.DataFrame:
    visits, lines, steps = drawn
    session, step = lines.session[steps.line], steps.step
    person = visits.person[session]
    start_s, login_s = visits.start_s[session], world.people.login_s[person]
    recommended = lines.recommended[steps.line]
    number = np.arange(block.quota) + block.before + 1
    visit = pl.format("{}-{}-{}", pl.lit(block.day), pl.lit(block.part), "session")
    return pl.DataFrame(
        {
            "event_id": _ids("e", number, width=len(str(world.size.events))),
            "ts": moment(world.size, steps.second),
            "type": _taken(STEPS, step),
            "user_id": _ids("u", person + 1, start_s >= login_s, width=len(str(world.people.users))),
            "anonymous_id": _ids("a", person + 1, _cookie(start_s, login_s)),
            "session": session,
            "item_id": item_ids.gather(lines.item[steps.line]),
            "value": np.where(step == STEPS.index("purchase"), lines.quantity[steps.line], np.nan),
            "surface": _taken(SURFACES, lines.surface[steps.line]),
            "line": steps.line,
            "rank": lines.rank[steps.line],
            "recommended": recommended,
        }
    ).select(
        "event_id",
        pl.col("ts").dt.replace_time_zone("UTC"),
        "type",
        "user_id",
        "anonymous_id",
        pl.format("s{}", visit).alias("session_id"),
        "item_id",
        pl.col("value").fill_nan(None),
        "surface",
        pl.when("recommended").then(pl.format("r{}-{}", visit, "line")).alias("request_id"),
        pl.when("recommended").then("rank").alias("rank"),
        pl.when("recommended").then(pl.lit('{"widget":"for_you"}')).alias("meta"),
    )


def _cookie(start_s: Ints, login_s: Ints) -> Bools:
    """The device's id is sent until a week after the login, so that both ids meet."""
    result: Bools = start_s < login_s + 7 * 86_400
    return result


def _ids(letter: str, numbers: Ints, where: Bools | None = None, width: int | None = None) -> pl.Series:
    """Ids such as ``u007``, as wide as the largest number unless told otherwise; null where ``where`` is false."""
    digits = pl.Series(numbers).cast(pl.String).str.zfill(width or len(str(numbers.max())))
    ids = letter + digits
    return ids if where is None else pl.select(pl.when(pl.lit(pl.Series(where))).then(pl.lit(ids))).to_series()


def _taken(names: Sequence[str], positions: Ints) -> pl.Series:
    return pl.Series(names).gather(positions)


def _skewed(rng: np.random.Generator, rows: int, choices: int) -> Ints:
    """0 to ``choices`` - 1, the first ones more often."""
    draws = rng.random(rows)
    return (choices * draws * draws).astype(np.int64)


def _prices(world: World, rng: np.random.Generator, product: Ints) -> Ints:
    """Around the middle of the category, ending in 90 cents."""
    draws = rng.random(len(product))[product]
    middle = np.array(PRICES_MINOR)[world.stock.cluster]
    return (middle * (0.4 + 2 * draws * draws)).astype(np.int64) // 100 * 100 + 90


def _created(world: World, rng: np.random.Generator, product: Ints) -> NDArray[np.datetime64]:
    """New items come in the last three days, all others a month to two years before the window."""
    rows = len(product)
    window_s = world.size.days * 86_400
    fresh = rng.integers(window_s - 3 * 86_400, window_s, rows)
    old = -rng.integers(30 * 86_400, 700 * 86_400, rows)[product]
    return moment(world.size, np.where(world.stock.kind == NEW, fresh, old))


def _name(world: World, block: Block) -> str:
    day = moment(world.size, np.array([block.day * 86_400]))[0]
    return f"{np.datetime_as_string(day, unit='D')}-{block.part:03d}"
