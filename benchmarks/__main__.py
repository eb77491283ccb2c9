"""`make bench`: every benchmark, one after the other, each in a process of its own with a peak of memory of its own.

They print ratios measured in one run against the peer or the limit named; nothing is asserted, for machines differ.
"""

import os
import subprocess
import sys
from pathlib import Path

UNSET = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def main() -> int:
    """Run all, or those whose names are given; the number that failed."""
    folder = Path(__file__).parent
    chosen = sys.argv[1:] or sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    environ = {name: value for name, value in os.environ.items() if name not in UNSET}
    failed = 0
    for name in chosen:
        print(f"\n== {name}", flush=True)
        failed += bool(
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], env=environ, check=False).returncode
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
