"""What is embedded of an item: its title, description, brand and category, as one text."""

import hashlib

import polars as pl

FIELDS = ("title", "description", "brand", "category")


def item_texts(catalog: pl.DataFrame) -> pl.DataFrame:
    """Items with their text (item_id, text), by item; empty where the catalog says nothing.

    Unicode is normalised (NFKC) and runs of white space are one space, so that neither makes another text.
    """
    joined = pl.concat_str([pl.col(name).str.strip_chars() for name in FIELDS], separator="\n", ignore_nulls=True)
    lines = joined.str.normalize("NFKC").str.replace_all(r"[^\S\n]+", " ").str.replace_all(r" ?\n[ \n]*", "\n")
    return catalog.select("item_id", text=lines.str.strip_chars()).sort("item_id")


def content_hashes(texts: pl.Series, encoder: str) -> pl.Series:
    """For each text a digest that changes with the text and with the encoder."""
    digests = [hashlib.sha256(f"{encoder}\0{text}".encode()).hexdigest()[:32] for text in texts]
    return pl.Series("content_hash", digests, pl.String)
