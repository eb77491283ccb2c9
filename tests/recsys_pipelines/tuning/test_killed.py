"""A search that is killed in the middle of a trial goes on in another process as if that trial had not begun."""

import subprocess
import sys
from pathlib import Path

import pytest

from recsys_pipelines.tuning.search import Budget, Study, search
from recsys_pipelines.tuning.spaces import Range

ROOT = Path(__file__).parents[3]
SPACE = {"x": Range(-4, 4)}
DEADLY = """
import os, signal, sys
from pathlib import Path
from recsys_pipelines.tuning.search import Budget, Study, search
from recsys_pipelines.tuning.spaces import Range

done = []

def objective(settings):
    yield -((settings["x"] - 1) ** 2)
    if len(done) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(settings)

search(objective, {"x": Range(-4, 4)}, Budget(trials=20), Study("killed", 1, 7, Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_with_what_it_had(tmp_path):
    storage, asked = tmp_path / "search.log", []

    def objective(settings):
        asked.append(settings["x"])
        yield -((settings["x"] - 1) ** 2)

    killed = subprocess.run([sys.executable, "-c", DEADLY, storage], cwd=ROOT, check=False)
    trials = search(objective, SPACE, Budget(trials=12), Study("killed", 1, 7, storage))

    assert killed.returncode == -9
    assert [each.number for each in trials] == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]  # the fifth never ended
    assert {each.state for each in trials} == {"complete"}
    assert asked == [each.settings["x"] for each in trials[4:]]
    assert all(each.value == -((each.settings["x"] - 1) ** 2) for each in trials)
