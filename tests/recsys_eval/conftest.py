"""Golden files: documents that others parse, compared whole; `RECSYS_GOLDEN=write` rewrites them for review."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

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
