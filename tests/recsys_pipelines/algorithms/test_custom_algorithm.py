"""The example of a third party's algorithm, built and installed for real, judged as a stranger would."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # builds a wheel, starts interpreters

ROOT = Path(__file__).parents[3]
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which the example's wheel was unpacked, as an installer does."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    shutil.copytree(ROOT / "examples" / "custom_algorithm", source / "example")
    run([sys.executable, "-c", BUILD, str(source)], cwd=source / "example")
    (wheel,) = source.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(target)
    return target


def run(command, cwd=ROOT, **environ):
    """What the command prints; its error output is in the failure message."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_once_it_is_installed(installed):
    script = "from recsys_pipelines.algorithm import discover; print(*discover())"

    before = run([sys.executable, "-c", script])
    after = run([sys.executable, "-c", script], PYTHONPATH=str(installed))

    assert after.split() == [*before.split(), "recency"]


def test_it_keeps_the_contract_of_every_algorithm(installed):
    suite = "tests/recsys_pipelines/algorithms/test_every_algorithm.py"

    printed = run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "recency", suite],
        PYTHONPATH=str(installed),
    )

    passed = int(printed.strip().splitlines()[-1].split(" passed")[0])
    assert passed >= 10


def test_it_is_under_thirty_lines():
    lines = (ROOT / "examples" / "custom_algorithm" / "recency.py").read_text().splitlines()

    assert len(lines) < 30
