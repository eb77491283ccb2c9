"""Tags in one spelling: lower-case, without spare white space, every facet by one name.

A tag is a word (``new``) or a value of a facet (``color:black``); the facet ends at the first colon.
"""

from collections.abc import Mapping

import polars as pl

LONGEST = 128
_FACET = r"^([^:]+):"


def tidy(tag: pl.Expr, facets: Mapping[str, str]) -> pl.Expr:
    """The tag, with its facet by the name that ``facets`` gives it; null where it is none.

    No tags are empty ones, those without a value or a facet beside their colon, and those longer than ``LONGEST``.
    """
    word = tag.str.to_lowercase().str.replace_all(r"[\s\x00-\x1f\x7f]+", " ").str.strip_chars()
    spaced = word.str.replace(r"^([^:]*?) ?: ?", "${1}:")
    facet = spaced.str.extract(_FACET)
    renamed = facet.replace({name.lower(): to.lower() for name, to in facets.items()})
    named = pl.when(facet.is_null()).then(spaced).otherwise(pl.concat_str(renamed, spaced.str.replace(_FACET, ":")))
    valid = named.str.contains(r"^[^:]+(:.+)?$") & (named.str.len_chars() <= LONGEST)
    return pl.when(valid).then(named)


def tidied(tags: pl.Series, facets: Mapping[str, str]) -> tuple[pl.Series, int]:
    """Lists of tags: each one that is a tag once, sorted, never null; and how many were none.

    Every different word is looked at once, for there are few.
    """
    rows = pl.DataFrame({"tag": tags}).with_row_index("at").explode("tag").drop_nulls("tag")
    words = rows.select(pl.col("tag").unique()).with_columns(tidy=tidy(pl.col("tag"), facets))
    found = rows.join(words, on="tag")
    lost = found["tidy"].null_count()
    by_row = found.drop_nulls("tidy").group_by("at").agg(tags=pl.col("tidy").unique().sort())
    every = pl.DataFrame({"at": pl.int_range(len(tags), dtype=pl.UInt32, eager=True)})
    lists = every.join(by_row, on="at", how="left", maintain_order="left")["tags"]
    return lists.to_frame().select(pl.col("tags").fill_null(pl.lit([], pl.List(pl.String)))).to_series(), lost
