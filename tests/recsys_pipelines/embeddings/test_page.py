from datetime import date

import polars as pl

from recsys_pipelines.embeddings.health import Fact, Health
from recsys_pipelines.embeddings.index import IndexRecord
from recsys_pipelines.embeddings.page import page, write_page

ILL = Health(items=2, facts=(Fact(name="zero", observed=0.5, limit=0.01, detail="1 of 2 items", examples=("<b>",)),))
RECORD = IndexRecord(day=date(2026, 1, 31), encoder="svd/1/x", settings="s", health=ILL)
SAMPLE = pl.DataFrame(
    {"item_id": ["a"], "title": ["Red <kettle>"], "rank": [1], "neighbor_id": ["b"], "neighbor_title": [None]}
).with_columns(score=pl.lit(0.71234))


def test_the_page_shows_what_is_ill_and_who_is_near():
    text = page("shop", RECORD, SAMPLE)

    assert "1 of 2 items" in text
    assert "Red &lt;kettle&gt;" in text
    assert "<code>b</code>" in text
    assert "0.712" in text


def test_what_comes_from_data_is_escaped(tmp_path):
    text = write_page("shop", RECORD, SAMPLE, tmp_path / "new").read_text()

    assert "<b>" not in text
    assert "&lt;b&gt;" in text
