"""One ranking, whole: candidates, every stage, reasons and warnings, compared with a file that a person can review.

Set RECSYS_GOLDEN=write to write it anew; the difference is the review.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recsys_algo.rank import recommend, similar
from recsys_algo.situation import Constraints
from recsys_algo.trace import summary, why_not

GOLDEN = Path(__file__).with_name("golden") / "trace.json"
DAY = 20_484.0  # the tests' today


def shelf():
    """Two dozen items of four categories and three brands, some of them variants, one sold out."""
    return [
        {
            "item_id": f"item-{number:02}",
            "brand": "ABC"[number % 3],
            "category": ("shirts", "shoes", "hats", "bags")[number % 4],
            "tags": ["new"] if number % 5 == 0 else ["sale", "cotton"][: number % 3],
            "price_minor": 500 + 100 * number,
            "currency": "EUR",
            "available": number != 4,
            "parent_id": f"parent-{number // 2}" if number in (6, 7, 10, 11) else None,
            "created_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
        }
        for number in range(24)
    ]


def described(answer):
    return {
        "items": [
            {
                "rank": item.rank,
                "item_id": item.item_id,
                "score": item.score,
                "source": item.source,
                "reasons": ", ".join(item.reasons),
                "signals": json.dumps(item.signals),
            }
            for item in answer.items
        ],
        "fallback_level": answer.fallback_level,
        "counts": json.dumps(answer.counts),
        "warnings": [f"{warning.code}: {warning.detail}" for warning in answer.warnings],
        "sources": [json.dumps(source) for source in summary(answer)["sources"]],
        "stages": [json.dumps(stage) for stage in summary(answer)["stages"] if stage["in"] != stage["out"]],
    }


def test_the_trace_of_a_ranking_is_as_reviewed(shop, ask):
    ids = [row["item_id"] for row in shelf()]
    bundle = shop(
        shelf(),
        ranking={
            "weights": {"popularity": 1, "cooccurrence": 2, "lists": 3},
            "max_per_brand": 3,
            "blocked_items": ["item-09"],
            "editorial": ["item-23"],
        },
        popularity=[("", id, float(24 - place)) for place, id in enumerate(ids)],
        cooccurrence=[(ids[n], ids[(n * 5 + step) % 24], 1 / step) for n in range(24) for step in range(1, 7)],
        lists=[("ann", ids[(place * 7) % 24], float(24 - place)) for place in range(12)],
        history=[("ann", ids[2], 1.0), ("ann", ids[8], 0.5)],
        seen_purchase=[("ann", ids[8], DAY - 3), ("ann", ids[0], DAY - 300)],
    )
    cheap = Constraints(price_between=(500, 2500), currency="EUR")
    ranked = recommend(bundle, ask(k=6, user_id="ann", exclude_ids=("item-14",), constraints=cheap))

    told = {
        "a known user": described(ranked),
        "why not": {
            id: why_not(ranked, bundle, id)._asdict() | {"item_id": ""} for id in ("item-07", "item-09", "item-23")
        },
        "similar items": described(similar(bundle, ["item-03"], ask(k=3, mmr_lambda=0.7))),
        "nobody, hardly anything allowed": described(
            recommend(bundle, ask(k=3, user_id="new", constraints=Constraints(include_tags_all=("new", "brand:a"))))
        ),
    }

    text = json.dumps(told, indent=1) + "\n"
    if os.environ.get("RECSYS_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
