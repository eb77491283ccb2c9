from datetime import UTC, datetime

import polars as pl
import pytest

from recsys_pipelines.synthetic_video import Video, video


@pytest.fixture(scope="module")
def demo() -> Video:
    return video(seed=7)


def test_lines_add_up_to_the_events_asked_for(demo):
    assert (demo.videos.height, demo.watched.height, demo.rated.height) == (120, 3_200, 800)


def test_the_same_seed_gives_the_same_files_and_another_seed_other_ones(demo):
    again, other = video(seed=7), video(seed=8)

    assert all(one.equals(two) for one, two in zip(demo, again, strict=True))
    assert not demo.watched.equals(other.watched)


def test_keys_are_camel_case_and_not_ours(demo):
    assert demo.watched.columns == [
        "event", "eventId", "userId", "videoId", "watchedSeconds", "durationSeconds", "occurredAt",
    ]  # fmt: skip
    assert demo.rated.columns == ["event", "eventId", "userId", "videoId", "rating", "occurredAt"]


def test_nobody_watches_longer_than_the_video_that_the_catalog_knows(demo):
    watched = demo.watched.join(demo.videos, on="videoId", suffix="InCatalog")

    assert watched.height == demo.watched.height
    assert watched.filter(pl.col("durationSeconds") != pl.col("durationSecondsInCatalog")).is_empty()
    assert watched.filter(pl.col("watchedSeconds") > pl.col("durationSeconds")).is_empty()


def test_a_rating_comes_after_the_same_viewer_has_watched_that_video(demo):
    seen = demo.watched.group_by("userId", "videoId").agg(
        pl.from_epoch(pl.col("occurredAt").min(), "ms").alias("first")
    )
    rated = demo.rated.with_columns(at=pl.col("occurredAt").str.to_datetime(time_zone="UTC").dt.replace_time_zone(None))

    joined = rated.join(seen, on=["userId", "videoId"])

    assert joined.height == rated.height
    assert joined.filter(pl.col("at") <= pl.col("first")).is_empty()


def test_everything_happens_within_the_window(demo):
    watched = pl.from_epoch(demo.watched["occurredAt"], "ms").dt.replace_time_zone("UTC")
    rated = demo.rated["occurredAt"].str.to_datetime(time_zone="UTC")

    assert min(watched.min(), rated.min()) >= datetime(2026, 1, 1, tzinfo=UTC)
    assert max(watched.max(), rated.max()) < datetime(2026, 1, 29, tzinfo=UTC)


def test_viewers_prefer_few_genres_and_watch_and_rate_them_higher(demo):
    watched = demo.watched.join(demo.videos.select("videoId", "mainGenre"), on="videoId").with_columns(
        share=pl.col("watchedSeconds") / pl.col("durationSeconds")
    )
    per_genre = watched.group_by("userId", "mainGenre").agg(pl.len(), share=pl.col("share").mean())
    ranked = per_genre.with_columns(place=pl.col("len").rank("ordinal", descending=True).over("userId"))

    favourite, others = ranked.filter(pl.col("place") <= 2), ranked.filter(pl.col("place") > 2)

    assert favourite["len"].sum() > 0.75 * watched.height
    assert favourite["share"].mean() > 2 * others["share"].mean()


def test_ratings_use_all_stars(demo):
    assert demo.rated["rating"].unique().sort().to_list() == [1, 2, 3, 4, 5]
