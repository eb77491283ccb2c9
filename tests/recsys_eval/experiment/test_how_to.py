"""The how-to, followed to the letter: each ``bash`` block is run, each ``text`` line looked for in what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "decide-an-experiment.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def test_the_page_is_true(tmp_path):
    page = PAGE.read_text()
    blocks = BLOCK.findall(page)
    end = "=== the end of a block ==="
    script = f"\necho '{end}'\n".join(["set -e", *(commands for commands, _ in blocks), ""])
    binaries = Path(sys.executable).parent

    done = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )

    _, *said, _ = done.stdout.split(end)
    assert done.returncode == 0, done.stdout
    assert len(blocks) == page.count("```bash") > 5
    missing = [
        line for (_, shown), out in zip(blocks, said, strict=True) for line in shown.splitlines() if line not in out
    ]
    assert missing == [], done.stdout
    assert "<h1>new-blend</h1>" in (tmp_path / "experiment.html").read_text()
