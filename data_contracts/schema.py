"""JSON Schemas (2020-12) of every record that crosses a process boundary, generated from the classes that parse them.

``python -m data_contracts.schema`` writes them to ``schemas/``, with ``--check`` it only says whether they are right.
Everything else reads them with ``schema(name)``, also from an installed package.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from data_contracts.documents import TenantDocument
from data_contracts.manifest import Manifest, Move, Pointer, Refreshed
from data_contracts.records import Assignment, Event, Exposure, Item, Outcome, User
from data_contracts.tombstones import Tombstones
from data_contracts.training_records import TrainingCompleted, TrainingRequest, TrainingStarted

FOLDER = Path(__file__).with_name("schemas")
OFFSET = r"([Zz]|[+-]\d\d:?\d\d)$"  # times carry one; "date-time" alone is only a remark to most validators

SCHEMAS: dict[str, type[msgspec.Struct]] = {
    "assignment": Assignment,
    "event": Event,
    "exposure": Exposure,
    "item": Item,
    "manifest": Manifest,
    "move": Move,
    "outcome": Outcome,
    "pointer": Pointer,
    "refreshed": Refreshed,
    "tenant": TenantDocument,
    "tombstones": Tombstones,
    "training_completed": TrainingCompleted,
    "training_request": TrainingRequest,
    "training_started": TrainingStarted,
    "user": User,
}


def schema(name: str) -> dict[str, Any]:
    """The checked-in schema of that name. Raises ``KeyError`` for a name that is not in ``SCHEMAS``."""
    if name not in SCHEMAS:
        raise KeyError(f"there is no schema {name!r}; there are {', '.join(SCHEMAS)}")
    resource = files("data_contracts") / "schemas" / f"{name}.json"
    found: dict[str, Any] = json.loads(resource.read_text("utf-8"))
    return found


def generated(name: str) -> str:
    """The schema that the class stands for now, as a file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:recsys-suite:schema:{name}"}
    body = msgspec.json.schema(SCHEMAS[name])
    return json.dumps(head | _with_offsets(body), indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """The names of the files in the folder that are missing, differ from their class, or belong to none."""
    wanted = {f"{name}.json": generated(name) for name in SCHEMAS}
    found = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in wanted | found if wanted.get(name) != found.get(name))


def write(folder: Path = FOLDER) -> None:
    """Bring the folder up to date."""
    for path in (folder / name for name in stale(folder)):
        if path.stem in SCHEMAS:
            path.write_text(generated(path.stem), "utf-8")
        else:
            path.unlink()


def main(arguments: Sequence[str]) -> int:
    """The command; 1 if ``--check`` found something stale."""
    parser = argparse.ArgumentParser(prog="python -m data_contracts.schema", description="Write the JSON Schemas.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is not up to date")
    checking = parser.parse_args(arguments).check
    names = stale()
    for name in names:
        sys.stdout.write(f"{'stale' if checking else 'written'}: {FOLDER.name}/{name}\n")
    if not checking:
        write()
    return 1 if checking and names else 0


def _with_offsets(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_offsets(value) for value in node]
    if not isinstance(node, dict):
        return node
    offset = {"pattern": OFFSET} if node.get("format") == "date-time" else {}
    return {key: _with_offsets(value) for key, value in node.items()} | offset


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
