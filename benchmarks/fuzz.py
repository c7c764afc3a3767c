"""Fuzz everything that columnar-af reads: filesets, ledgers, partial results, results, ROOT files (also
with the fast reader), its cache of columns, constants, declarations of regions, variations and stitching.

    python benchmarks/fuzz.py --minutes 60 [--seed 0] [TARGET ...]

Prints the number of cases per target and what came of them, and every finding with the seed that makes it again. Exit code
1 tells that there are findings.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.fuzzing import fuzz


def main() -> None:
    """Run, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    report = fuzz(seconds=60 * options.minutes, seed=options.seed, only=tuple(options.targets))
    for target, count in sorted(report.cases.items()):
        told = ", ".join(f"{outcome} {number}" for outcome, number in report.outcomes[target].most_common())
        print(f"{target:14s} {count:6d} cases: {told}")
    print(f"{sum(report.cases.values())} cases in {report.seconds:.0f} s, {len(report.findings)} findings")
    for finding in report.findings:
        print(f"\n{finding}")
    sys.exit(1 if report.findings else 0)


if __name__ == "__main__":
    main()
