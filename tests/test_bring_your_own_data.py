"""The how-to, followed to the letter on the real data: each ``bash`` block is run, each ``text`` line looked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-to" / "bring-your-own-data.md"
SHARED = Path(os.environ.get("RECSYS_SHARED_DATA", ROOT.parent / "shared" / "data"))
BLOCK = re.compile(r"^```bash\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, list[str]]]:
    """Each block of commands, with the lines that the page shows of its output."""
    return [(commands, shown.splitlines()) for commands, shown in BLOCK.findall(PAGE.read_text())]


def test_every_block_of_commands_shows_what_comes_out():
    assert len(steps()) == PAGE.read_text().count("```bash") > 4


def test_the_page_is_true(tmp_path):
    if not (SHARED / "movietweetings-100k").exists():
        pytest.skip(f"no MovieTweetings in {SHARED}; set RECSYS_SHARED_DATA to the folder that holds the data sets")
    binaries = Path(sys.executable).parent
    environ = os.environ | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "RECSYS_SHARED_DATA": str(SHARED.resolve()),
    }
    end = "=== the end of a block ==="
    script = f"\necho '{end}'\n".join(["set -e", *(commands for commands, _ in steps())])

    done = subprocess.run(
        ["bash", "-c", script],
        env=environ,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )

    _, *said = done.stdout.split(end)
    assert done.returncode == 0, done.stdout
    missing = [line for (_, shown), out in zip(steps(), said, strict=True) for line in shown if line not in out]
    assert missing == [], done.stdout
