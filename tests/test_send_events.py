"""The how-to, followed to the letter: each ``bash`` block is run, each ``text`` line looked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "send-events.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_is_true(tmp_path):
    blocks = BLOCK.findall(PAGE.read_text())
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    end = "=== the end of a block ==="
    script = f"\necho '{end}'\n".join(["set -e", *(commands for commands, _ in blocks)])

    done = subprocess.run(
        ["bash", "-c", script], env=environ, cwd=tmp_path, text=True, capture_output=True, timeout=120, check=False
    )

    _, *said = done.stdout.split(end)
    assert len(blocks) == PAGE.read_text().count("```bash") == len(said), done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    missing = [
        line for (_, shown), out in zip(blocks, said, strict=True) for line in shown.splitlines() if line not in out
    ]
    assert missing == [], done.stdout
