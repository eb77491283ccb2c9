"""The same rows and the same query give the same bytes in any process, whatever its hash seed."""

import subprocess
import sys

import pytest

SCRIPT = """
import hashlib, json, sys, tempfile
from datetime import datetime, timezone
from pathlib import Path
from data_contracts.documents import Ranking
from recsys_algo.bundle import open_encoded
from recsys_algo.encode import encode_catalog, encode_table, load_items
from recsys_algo.rank import recommend
from recsys_algo.situation import Query

now = datetime(2026, 1, 31, tzinfo=timezone.utc)
ids = [f"i{n}" for n in range(60)]
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    catalog = {"item_id": ids, "brand": [f"b{n % 7}" for n in range(60)], "tags": [[f"t{n % 5}"] for n in range(60)]}
    encoded = [encode_catalog(catalog, folder)]
    items = load_items(folder)
    pairs = [(f"u{n % 9}", ids[n % 59]) for n in range(180)]
    lists = {"user_id": [u for u, _ in pairs], "item_id": [i for _, i in pairs], "score": [1.0] * 180}
    scores = {"segment": [("", "vip")[n % 2] for n in range(60)], "item_id": ids, "score": [n % 4 for n in range(60)]}
    encoded.append(encode_table("lists", "lists", "user_items", lists, items, folder))
    encoded.append(encode_table("popularity", "popularity", "item_scores", scores, items, folder))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for table in encoded for path in table.files]
    bundle = open_encoded("demo", "home", encoded, Ranking(weights={"popularity": 1, "lists": 2}), now)
    answer = recommend(bundle, Query(k=20, now=now, user_id="u3", mmr_lambda=0.7))
    told = [(i.item_id, i.score, i.source, i.reasons, i.signals) for i in answer.items]
    print(json.dumps([digests, told, dict(answer.counts), answer.warnings]))
"""


def printed(hash_seed):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hash_seed}
    )
    return run.stdout


@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_another_process_gives_the_same_bytes_and_the_same_answer(hash_seed):
    assert printed("0") == printed(hash_seed)
