"""MovieLens 100k, item-stratified: the published SAR and most-popular rows, to six digits, with our settings.

The protocol is that of recommenders-team/recommenders, `examples/06_benchmarks/movielens.ipynb`: 75 % of each item's
ratings train, items seen in training are not recommended, k = 10. SAR is our co-occurrence with Jaccard similarity and
all neighbours, without shrinkage; the weights of the sum are the users' affinity, rating x 2^(-age / 30 days). The rows
without a published number show what the algorithms give with their defaults. The data may not be redistributed, so it
is looked for in `RECSYS_SHARED_DATA` or `../shared/data`; without it nothing is done.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_eval.metrics import evaluate
from recsys_pipelines.algorithm import Algorithm, TrainingData
from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.algorithms.cooccurrence import Cooccurrence
from recsys_pipelines.algorithms.popularity import Popularity
from recsys_pipelines.matrix import Matrix, user_items

K = 10
HALF_LIFE_DAYS = 30
METRICS = ("map@10", "ndcg@10", "precision@10", "recall@10")
SAR = Cooccurrence(similarity="jaccard", shrinkage=0, min_support=1, neighbors=None)
Floats = npt.NDArray[np.float64]


class Row(NamedTuple):
    """One line of the table; ``published`` are the metrics in the order of ``METRICS``."""

    name: str
    algorithm: Algorithm
    half_life_days: float | None = None  # of the users' affinity
    published: tuple[float, ...] = ()


ROWS = (
    Row("SAR (jaccard, affinity)", SAR, HALF_LIFE_DAYS, (0.114038, 0.393819, 0.340615, 0.185377)),
    Row("most popular", Popularity(), None, (0.055959, 0.252353, 0.228738, 0.113188)),
    Row("co-occurrence, defaults", Cooccurrence()),
    Row("ALS, defaults", Als()),
)


def main() -> int:
    """Print the table; the number of rows that miss a published number."""
    path = data_folder() / "movielens-100k" / "u.data"
    if not path.exists():
        print(f"skipped: there is no {path}; put MovieLens 100k there, or set RECSYS_SHARED_DATA")
        return 0
    train, test = split(ratings(path))
    print(f"{train.height} train, {test.height} test ratings; our value, and the published one where there is one")
    print(f"{'':26}{''.join(f'{metric:>22}' for metric in METRICS)}{'fit s':>8}")
    return sum(not shown(row, train, test) for row in ROWS)


def data_folder() -> Path:
    """Where real data is, if it is anywhere."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    return Path(os.environ.get("RECSYS_SHARED_DATA") or default).resolve()


def ratings(path: Path) -> pl.DataFrame:
    """The ratings in file order, as interactions."""
    names = ["user_id", "item_id", "rating", "timestamp"]
    rows = pl.read_csv(path, separator="\t", has_header=False, new_columns=names)
    return rows.select(
        pl.col("user_id", "item_id").cast(pl.String),
        weight=pl.col("rating").cast(pl.Float64),
        last_ts=pl.from_epoch("timestamp", "s").dt.replace_time_zone("UTC"),
        count=pl.lit(1),
        number=pl.col("item_id"),
    )


def split(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Per item, ``round(0.75 x count)`` ratings in random order are for training, the others for the test."""
    draws = np.random.RandomState(42).rand(rows.height)
    ordered = rows.with_columns(draw=draws).sort("number", "draw")
    place = pl.int_range(pl.len()).over("number")
    share = (0.75 * pl.len().over("number")).round(mode="half_to_even")
    return ordered.filter(place < share), ordered.filter(place >= share)


def shown(row: Row, train: pl.DataFrame, test: pl.DataFrame) -> bool:
    """Print one line; whether it equals what was published."""
    binary = isinstance(row.algorithm, Popularity)  # the published baseline counts ratings, whatever they say
    pairs = train.with_columns(weight=pl.lit(1.0)) if binary else train
    now = datetime.fromtimestamp(train["last_ts"].dt.epoch("s").max(), UTC)  # type: ignore[arg-type]
    catalog = train.select("item_id", category=pl.lit(None, pl.String)).unique().sort("item_id")
    data = TrainingData(pairs, catalog, now=now)
    begin = perf_counter()
    table = row.algorithm.fit(data)
    seconds = perf_counter() - begin
    recs = recommended(table, row, user_items(data, row.half_life_days))
    summary = evaluate(recs, test.select("user_id", "item_id"), K).summary
    found = [round(summary[metric], 6) for metric in METRICS]
    columns = [f"{a:.6f}{f' ({b:.6f})' if b else '':>11}" for a, b in zip(found, row.published or [0] * 4, strict=True)]
    print(f"{row.name:26}{''.join(f'{column:>22}' for column in columns)}{seconds:8.2f}")
    return not row.published or found == list(row.published)


def recommended(table: pl.DataFrame, row: Row, matrix: Matrix) -> pl.DataFrame:
    """The ten best unseen items of every user; ties by item id."""
    scores = SCORES[row.algorithm.shape](table, matrix)
    scores[matrix.cells.nonzero()] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    users = np.repeat(np.arange(len(matrix.users)), K)
    return pl.DataFrame(
        {
            "user_id": matrix.users.gather(users),
            "item_id": matrix.items.gather(best.ravel()),
            "rank": np.tile(np.arange(1, K + 1), len(matrix.users)),
        }
    )


def of_neighbors(table: pl.DataFrame, matrix: Matrix) -> Floats:
    """The user's weights times the similarities, as a server sums the neighbours of a history."""
    similar = np.zeros((len(matrix.items), len(matrix.items)))
    similar[places(table["item_id"], matrix.items), places(table["neighbor_id"], matrix.items)] = table["score"]
    return np.asarray(matrix.cells @ similar)


def of_everybody(table: pl.DataFrame, matrix: Matrix) -> Floats:
    """The same list for all."""
    everybody = table.filter(segment="")
    scores = np.zeros(len(matrix.items))
    scores[places(everybody["item_id"], matrix.items)] = everybody["score"]
    return np.tile(scores, (len(matrix.users), 1))


def of_vectors(table: pl.DataFrame, matrix: Matrix) -> Floats:
    """Dot products of the users' and the items' vectors."""
    users, items = (np.array(table.filter(entity=entity)["vector"].to_list()) for entity in ("user", "item"))
    return np.asarray(users @ items.T)


SCORES: dict[str, Any] = {"item_neighbors": of_neighbors, "item_scores": of_everybody, "vectors": of_vectors}


def places(ids: pl.Series, known: pl.Series) -> npt.NDArray[Any]:
    """Where each id stands among the known ones."""
    return ids.cast(pl.Enum(known)).to_physical().to_numpy()


if __name__ == "__main__":
    sys.exit(main())
