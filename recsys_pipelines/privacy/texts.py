"""A JSON text without the personal data in it: values are looked at one by one, under their keys, however deep.

A text that is no JSON is one value without a key.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from data_contracts.policies import PiiAction, PiiKind
from recsys_pipelines.privacy.personal import found_in, is_told, kind_of_key

REDACTED = "[redacted:"
Replacement = Callable[[PiiKind, str], str]
encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


@dataclass
class Cleaner:
    """Cleans one text after the other; ``seen`` counts what was found in the last one, by kind.

    ``actions`` says what is done with each kind; ``pseudonym`` hashes; what stands under ``allowed`` keys stays.
    """

    actions: dict[PiiKind, PiiAction]
    pseudonym: Callable[[str], str]
    allowed: frozenset[str] = frozenset()
    seen: Counter[PiiKind] = field(default_factory=Counter)

    def cleaned(self, text: str) -> str:
        """The text as it may be kept; the very same one if nothing was found that is to be changed."""
        self.seen = Counter()
        try:
            value = decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._text(text)
        kept = self._value(value)
        return text if kept == value else encode(kept).decode()

    def replaced(self, kind: PiiKind, value: str) -> str:
        """What takes the place of one value."""
        action = self.actions[kind]
        if action == "keep":
            return value
        return self.pseudonym(value) if action == "hash" else f"{REDACTED}{kind}]"

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._under(key, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._number(value)
        return value

    def _under(self, key: str, value: Any) -> Any:
        if key in self.allowed:
            return value
        kind = kind_of_key(key)
        if kind is None or not is_told(kind, value):
            return self._value(value)
        told = value if isinstance(value, str) else encode(value).decode()
        if told.startswith(REDACTED):
            return value
        self.seen[kind] += 1
        return self._value(value) if self.actions[kind] == "keep" else self.replaced(kind, told)

    def _number(self, value: int) -> Any:
        kept = self._text(str(value))
        return value if kept == str(value) else kept

    def _text(self, text: str) -> str:
        parts, at = [], 0
        for kind, start, end in found_in(text):
            self.seen[kind] += 1
            parts += [text[at:start], self.replaced(kind, text[start:end])]
            at = end
        return "".join([*parts, text[at:]]) if parts else text
