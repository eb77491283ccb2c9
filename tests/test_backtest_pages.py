"""Two how-tos, followed to the letter: each ``bash`` block is run, each ``text`` line looked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PAGES = Path(__file__).parents[1] / "docs" / "how-to"
BLOCK = re.compile(r"^```bash\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["backtest.md", "tune.md"])
def test_the_page_is_true(tmp_path, name):
    page = (PAGES / name).read_text()
    steps = [(commands, shown.splitlines()) for commands, shown in BLOCK.findall(page)]
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    ran = [
        subprocess.run(
            ["bash", "-ec", commands],
            env=environ,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        for commands, _ in steps
    ]

    said = [done.stdout for done in ran]
    assert len(steps) == page.count("```bash") > 0
    assert [done.returncode for done in ran] == [0] * len(steps), said
    assert [line for (_, shown), out in zip(steps, said, strict=True) for line in shown if line not in out] == [], said
