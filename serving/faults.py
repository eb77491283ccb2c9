"""Faults of a body: where it broke its contract, read from the one message that msgspec gives."""

import re
from collections.abc import Iterator

import msgspec

from serving.errors import Fault

NOT_YET = {
    "cursor": "paging by cursor is not available in this version",
    "experiment": "experiments are not available in this version",
}
LONGEST_DETAIL = 300  # a client's own text is repeated, but not at any length
_MESSAGE = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<place>[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"^Object (?P<how>contains unknown|missing required) field `(?P<name>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[(\.\.\.)\]")


def fault(error: msgspec.ValidationError) -> Fault:
    """The pointer ends at a mapping when one of its keys or values is wrong: msgspec does not say which one."""
    message = _MESSAGE.match(str(error))
    what, place = (message["what"], message["place"] or "") if message else (str(error), "")
    pointer = "".join(f"/{step}" for step in _steps(place))
    named = _FIELD.match(what)
    if named is not None:
        return _field_fault(pointer, named["name"], missing=named["how"].startswith("missing"))
    return Fault(pointer=pointer, code=_kind(what), detail=_cut(what))


def escaped(step: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


def _field_fault(parent: str, name: str, *, missing: bool) -> Fault:
    pointer = f"{parent}/{escaped(name)}"
    if missing:
        return Fault(pointer=pointer, code="missing", detail=f"`{name}` is required")
    if name in NOT_YET:
        return Fault(pointer=pointer, code="not_available", detail=NOT_YET[name])
    return Fault(pointer=_cut(pointer), code="unknown_field", detail=_cut(f"there is no field `{name}` here"))


def _steps(place: str) -> Iterator[str]:
    for name, index, unknown in _STEP.findall(place):
        if unknown:
            return
        yield escaped(name) if name else index


def _kind(what: str) -> str:
    if what.startswith("Invalid") or "matching regex" in what:
        return "format"
    return "range" if any(sign in what for sign in ("<=", ">=", "out of range", " of length ")) else "type"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else f"{text[:LONGEST_DETAIL]}..."
