"""``${NAME}`` in a tenant document: what differs between machines, and what no document may hold (a password)."""

import re
from collections.abc import Mapping

from recsys_pipelines.sources.source import UnsetVariable

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expanded(text: str, environ: Mapping[str, str], *, what: str = "") -> str:
    """``text`` with every ``${NAME}`` replaced. Raises ``UnsetVariable``.

    The error says ``what`` needs the variable; without it, it quotes the text, which then must hold no secret.
    """

    def value(found: re.Match[str]) -> str:
        if not environ.get(found[1]):
            place = what or f"the path {text!r}"
            raise UnsetVariable(f"{place} needs the environment variable {found[1]}, which is not set")
        return environ[found[1]]

    return _VARIABLE.sub(value, text)
