"""A whole installation in a temporary folder, and the command line, called as a shell would."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from data_contracts.open import open_blobs
from jobs.cli import main
from recsys_pipelines.lake import Lake

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "data"


class Installation(NamedTuple):
    """RECSYS_HOME with tenants of its own, which a test may change."""

    home: Path
    tenants: Path
    capture: pytest.CaptureFixture[str]

    def recsys(self, *arguments: str) -> int:
        """The exit code of the command."""
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return int(ended.value.code or 0)

    def json(self, *arguments: str) -> Any:
        """What the command prints with ``--json``."""
        self.capture.readouterr()
        self.recsys(*arguments, "--json")
        return json.loads(self.capture.readouterr().out)

    @property
    def lake(self) -> Lake:
        return Lake(open_blobs(str(self.home / "lake"), {}))

    def files(self, *folders: str) -> dict[str, bytes]:
        """Every file under these folders of the home, by path."""
        paths = [path for folder in folders for path in sorted((self.home / folder).rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.home)): path.read_bytes() for path in paths}

    def copy_of(self, example: str) -> Path:
        """Install one of the example tenants; its folder."""
        return Path(shutil.copytree(EXAMPLES / example, self.tenants / Path(example).name))


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Installation:
    home, tenants = tmp_path / "home", tmp_path / "tenants"
    tenants.mkdir()
    monkeypatch.setenv("RECSYS_HOME", str(home))
    monkeypatch.setenv("RECSYS_TENANTS", str(tenants))
    return Installation(home, tenants, capsys)
