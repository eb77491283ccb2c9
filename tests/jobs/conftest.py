"""A whole installation in a temporary folder, and the command line, called as a shell would."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from functools import cache
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
    template: Callable[[str], Path]

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

    def published(self, example: str) -> dict[str, Any]:
        """Install an example tenant after its first daily run; what that run said."""
        template = self.template(example)
        shutil.copytree(template / "tenants", self.tenants, dirs_exist_ok=True)
        shutil.copytree(template / "home", self.home, dirs_exist_ok=True)
        said: dict[str, Any] = json.loads((template / "said.json").read_text())
        return said


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an installation in which one example's daily job ran, once in this process; tests work on copies."""

    @cache
    def made(example: str) -> Path:
        folder = tmp_path_factory.mktemp("published")
        shutil.copytree(EXAMPLES / example, folder / "tenants" / Path(example).name)
        tenant = json.loads((folder / "tenants" / Path(example).name / "tenant.json").read_text())["tenant"]
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as environ, contextlib.redirect_stdout(out):
            environ.setenv("RECSYS_HOME", str(folder / "home"))
            environ.setenv("RECSYS_TENANTS", str(folder / "tenants"))
            with pytest.raises(SystemExit) as ended:
                main(["run", "daily", "--tenant", tenant, "--json"])
        assert ended.value.code in (0, None), out.getvalue()
        (folder / "said.json").write_text(out.getvalue())
        return folder

    return made


@pytest.fixture
def installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, template: Callable[[str], Path]
) -> Installation:
    home, tenants = tmp_path / "home", tmp_path / "tenants"
    tenants.mkdir()
    monkeypatch.setenv("RECSYS_HOME", str(home))
    monkeypatch.setenv("RECSYS_TENANTS", str(tenants))
    return Installation(home, tenants, capsys, template)
