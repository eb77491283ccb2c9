"""A small synthetic video service that speaks its own language: camelCase, two event files, two ways to write time.

Viewers like one or two genres: they watch those videos longer and rate them higher. Nothing here has our column
names; the tenant document of ``examples/data/video_mini`` says how it becomes ours.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from recsys_pipelines.synthetic_world import DAY_S, Bools, Floats, Ints, Size, moment, pick

GENRES = ("comedy", "cooking", "documentary", "drama", "music", "travel")
CHANNELS = (
    "Blue Lantern",
    "Corner Table",
    "Daybreak",
    "Field Notes",
    "Nine Lives",
    "Open Road",
    "Second Act",
    "Wander",
)
WORDS = ("Harbour", "Kitchen", "Letters", "Mountain", "Night", "River", "Summer", "Table", "Train", "Window")
TASTES = (0.6, 0.25, 0.15)  # first genre, second genre, any
RATED_SHARE = 0.2  # of all events
HOUR_AHEAD = "+01:00"  # ratings are written in the offset of the service's home
RATING_DELAY_S = 120


class Video(NamedTuple):
    """The service's own files: a catalog, and the lines of ``VideoWatched`` and ``VideoRated`` events."""

    videos: pl.DataFrame
    watched: pl.DataFrame
    rated: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class _Watching:
    viewer: Ints
    video: Ints
    liked: Bools
    length_s: Ints
    share: Floats  # of the video that was watched
    second: Ints


def video(
    seed: int = 7,
    *,
    videos: int = 120,
    users: int = 200,
    events: int = 4_000,
    days: int = 28,
    start: date = date(2026, 1, 1),
) -> Video:
    """The service's files as frames; watched and rated lines together are ``events`` rows."""
    size = Size(seed=seed, users=users, items=videos, events=events, days=days, start=start)
    rng = size.rng("sessions")
    ratings = round(events * RATED_SHARE)
    watching = _watching(size, events - ratings, rng)
    return Video(
        videos=_catalog(size),
        watched=_watched(size, watching),
        rated=_rated(size, watching, ratings, rng),
    )


def write_video(folder: Path, files: Video) -> list[Path]:
    """Write ``videos.csv``, ``watched.jsonl`` and ``rated.jsonl``."""
    paths = [folder / "videos.csv", folder / "watched.jsonl", folder / "rated.jsonl"]
    files.videos.write_csv(paths[0])
    files.watched.write_ndjson(paths[1])
    files.rated.write_ndjson(paths[2])
    return paths


def _lengths_s(size: Size) -> Ints:
    lengths: Ints = 60 * size.rng("catalog").integers(4, 50, size.items)
    return lengths


def _video_ids(size: Size) -> pl.Series:
    """Numbers that say nothing about genre or popularity."""
    return _ids("v", size.rng("catalog", 2).permutation(size.items))


def _genre(size: Size) -> Ints:
    """The first genre of each video; videos of a genre stand side by side."""
    genres: Ints = np.arange(size.items) * len(GENRES) // size.items
    return genres


def _catalog(size: Size) -> pl.DataFrame:
    rng, rows = size.rng("catalog", 1), size.items
    genre = _genre(size)
    second = (genre + rng.integers(1, len(GENRES), rows)) % len(GENRES)
    words = pl.Series(WORDS)
    published = moment(size, -rng.integers(5 * DAY_S, 900 * DAY_S, rows))
    both = pl.when("mixed").then(pl.format("{}|{}", "genre", "second")).otherwise("genre")
    return (
        pl.DataFrame(
            {
                "videoId": _video_ids(size),
                "first": words.gather(rng.integers(0, len(WORDS), rows)),
                "last": words.gather(rng.integers(0, len(WORDS), rows)),
                "channelName": pl.Series(CHANNELS).gather(rng.integers(0, len(CHANNELS), rows)),
                "genre": pl.Series(GENRES).gather(genre),
                "second": pl.Series(GENRES).gather(second),
                "mixed": rng.random(rows) < 0.4,  # noqa: PLR2004
                "durationSeconds": _lengths_s(size),
                "publishedOn": published,
                "public": rng.random(rows) < 0.97,  # noqa: PLR2004
            }
        )
        .select(
            "videoId",
            pl.format("{} and {}", "first", "last").alias("videoTitle"),
            "channelName",
            pl.col("genre").alias("mainGenre"),
            both.alias("genres"),
            "durationSeconds",
            pl.col("publishedOn").dt.strftime("%d.%m.%Y"),
            pl.when("public").then(pl.lit("public")).otherwise(pl.lit("private")).alias("visibility"),
        )
        .sort("videoId")
    )


def _watching(size: Size, count: int, rng: np.random.Generator) -> _Watching:
    people = size.rng("people")
    first = people.integers(0, len(GENRES), size.users)
    second = (first + people.integers(1, len(GENRES), size.users)) % len(GENRES)
    activity: Floats = 1.0 / (0.15 + people.random(size.users))
    viewer = pick(activity, rng.random(count))
    taste = pick(np.array(TASTES), rng.random(count))
    genre = np.choose(taste, [first[viewer], second[viewer], rng.integers(0, len(GENRES), count)])
    starts = np.searchsorted(_genre(size), np.arange(len(GENRES) + 1))
    weight: Floats = 1.0 / (np.arange(size.items, dtype=np.float64) - starts[_genre(size)] + 3)
    liked = (genre == first[viewer]) | (genre == second[viewer])
    draws = rng.random(count)
    watched = pick(weight, rng.random(count), starts[genre], starts[genre + 1])
    order = np.sort(rng.integers(0, size.days * DAY_S - 2 * 3_600, count))  # nobody is still watching at the end
    return _Watching(
        viewer=viewer,
        video=watched,
        length_s=_lengths_s(size)[watched],
        liked=liked,
        share=np.where(liked, 0.35 + 0.65 * draws, 0.6 * draws * draws),
        second=order,
    )


def _watched(size: Size, watching: _Watching) -> pl.DataFrame:
    length = watching.length_s
    return pl.DataFrame(
        {
            "event": np.full(len(length), "VideoWatched"),
            "eventId": _ids("w", np.arange(len(length))),
            "userId": _ids("viewer-", watching.viewer, size.users),
            "videoId": _video_ids(size).gather(watching.video),
            "watchedSeconds": (length * watching.share).astype(np.int64) + 1,
            "durationSeconds": length,
            "occurredAt": moment(size, watching.second),
        }
    ).with_columns(pl.col("occurredAt").dt.timestamp("ms"))


def _rated(size: Size, watching: _Watching, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Some of what was watched is rated afterwards: 3 to 5 if it was liked, else 1 to 3."""
    chosen = np.sort(np.argsort(rng.random(len(watching.viewer)), kind="stable")[:count])
    ended = (watching.second + watching.length_s)[chosen] + RATING_DELAY_S
    local = pl.col("occurredAt") + pl.duration(hours=1)
    return pl.DataFrame(
        {
            "event": np.full(count, "VideoRated"),
            "eventId": _ids("r", np.arange(count)),
            "userId": _ids("viewer-", watching.viewer[chosen], size.users),
            "videoId": _video_ids(size).gather(watching.video[chosen]),
            "rating": np.where(watching.liked[chosen], 3, 1) + rng.integers(0, 3, count),
            "occurredAt": moment(size, ended),
        }
    ).with_columns(pl.concat_str(local.dt.strftime("%Y-%m-%dT%H:%M:%S"), pl.lit(HOUR_AHEAD)))


def _ids(prefix: str, numbers: Ints, among: int | None = None) -> pl.Series:
    """Ids counted from 1 and as wide as the largest of ``among`` numbers (default: as many as there are)."""
    return prefix + pl.Series(numbers + 1).cast(pl.String).str.zfill(len(str(among or len(numbers))))
