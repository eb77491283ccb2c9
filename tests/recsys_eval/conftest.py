"""What several tests need: answers as the server logs them, and golden files.

Golden files are documents that others parse, compared whole; `RECSYS_GOLDEN=write` rewrites them for review.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.records import EXPOSURE_SCHEMA, ExposedItem, Exposure, Subject

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Callable[[str, str | bytes], None]:
    """Assert that a text is what the golden file of that name holds."""

    def compare(name: str, text: str | bytes) -> None:
        written = text.decode() if isinstance(text, bytes) else text
        path = GOLDEN / name
        if os.environ.get("RECSYS_GOLDEN") == "write":
            path.write_text(written, encoding="utf-8")
        assert written == path.read_text(encoding="utf-8"), f"{name} changed; make golden rewrites it"

    return compare


@pytest.fixture
def exposure() -> Callable[..., Exposure]:
    """``exposure(request, user, *items, surface="home")``: an answer with these items, each what is said of it."""

    def made(request: str, user: str, *items: dict[str, Any], surface: str = "home") -> Exposure:
        return Exposure(
            schema=EXPOSURE_SCHEMA,
            ts=datetime(2026, 3, 1, 12, tzinfo=UTC),
            request_id=request,
            tenant="shop",
            surface=surface,
            endpoint="recommend",
            subject=Subject(user=user),
            manifest_generation=1,
            algo_version="1",
            items=tuple(ExposedItem(rank=rank, score=1.0, source="als", **item) for rank, item in enumerate(items, 1)),
        )

    return made
