"""Equal scores: what a list is worth where the model itself did not say which of its items comes first.

A tie is resolved **against the model**: of items with the same score, those that the user chose come last. So a model
that scores everything alike gets what the worst order of its list gets, and no metric depends on the order of rows.
trec_eval breaks ties otherwise, by document id, descending, whatever is relevant; it reads scores and ignores ranks.
"""

import polars as pl

from recsys_eval.errors import InvalidFrame
from recsys_eval.frames import checked_scores, checked_truth


def ranked(recs: pl.DataFrame) -> pl.DataFrame:
    """``recs`` (user_id, item_id, score) with a ``rank`` by score, the highest first; equals by item id.

    >>> ranked(pl.DataFrame({"user_id": ["ann"] * 2, "item_id": ["a", "b"], "score": [0.1, 0.7]}))["rank"].to_list()
    [2, 1]

    Stability: public
    """
    recs = checked_scores(recs)
    order = recs.with_row_index("_row").sort("user_id", "score", "item_id", descending=[False, True, False])
    places = order.select("_row", rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user_id")).sort("_row")
    return recs.with_columns(places["rank"])


def against_ties(recs: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """``recs`` (user_id, item_id, rank, score) in which, of equal scores, the items of ``truth`` hold the last ranks.

    The ranks themselves stay: those of a group of equal scores are dealt out again, first to what is not in truth, then
    to what is, each by item id. A list that does not follow its scores (pinned, diversified) keeps its order otherwise.

    >>> recs = pl.DataFrame({"user_id": ["ann"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3], "score": [1, 1, 0]})
    >>> against_ties(recs, pl.DataFrame({"user_id": ["ann"], "item_id": ["a"]})).sort("rank")["item_id"].to_list()
    ['b', 'a', 'c']

    Stability: public
    """
    recs = checked_scores(recs)
    if "rank" not in recs.columns:
        raise InvalidFrame("recs has no column 'rank'; ranked(recs) makes one from the scores")
    group = ["user_id", "score"]
    chosen = checked_truth(truth).with_columns(_chosen=True)
    marked = recs.join(chosen, on=["user_id", "item_id"], how="left", maintain_order="left")
    dealt = marked.with_columns(pl.col("_chosen").fill_null(value=False)).sort(*group, "_chosen", "item_id")
    ranks = recs.sort(*group, "rank")["rank"]
    return dealt.drop("_chosen").with_columns(rank=ranks)
