"""Do uproot, ROOT and jsroot read the same entries, counts and sums from every branch of a file?

    python benchmarks/compare_readers.py FILE... [--root-python PYTHON] [--jsroot FOLDER]

PYTHON is an interpreter that can ``import ROOT`` (PyPI's pre-release wheel: ``pip install --pre ROOT``), FOLDER an
installed jsroot (``npm install --ignore-scripts jsroot``; ``node_modules/jsroot``). A reader that is not given is left
out. Text counts as the sum of its bytes. Prints a table and exits with 1 where readers differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

HERE = Path(__file__).parent
RELATIVE_DIFFERENCE = 1e-9
"""Sums may differ by the order of summation; values are compared bit by bit elsewhere."""


def read_uproot(path: Path, tree_path: str) -> dict[str, Any]:
    """{"entries", "branches": {name: [entries, values, sum]}} as uproot reads it."""
    sums = {}
    with uproot.open(path) as source:
        tree = source[tree_path]
        for branch in tree.branches:
            values = branch.array()
            if "string" in branch.typename:
                count = int(ak.sum(ak.num(values)))
                total = ak.sum(ak.without_parameters(values), axis=None)
            else:
                flat = ak.to_numpy(ak.flatten(values, axis=None))
                count, total = len(flat), np.sum(flat, dtype=np.float64)
            sums[branch.name] = [len(values), count, float(total or 0)]
        return {"entries": int(tree.num_entries), "branches": sums}


def read_root(path: Path, tree_path: str, python: Path) -> dict[str, Any]:
    """The same as ROOT reads it, in another process."""
    command = [str(python), "-W", "ignore", str(HERE / "read_back_root.py"), str(path), tree_path]
    return json.loads(_last_line(command))


def read_jsroot(path: Path, tree_path: str, folder: Path) -> dict[str, Any]:
    """The same as jsroot reads it, in another process."""
    command = ["node", str(HERE / "read_back_jsroot.mjs"), str(folder), str(path), tree_path]
    return json.loads(_last_line(command))


def _last_line(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        msg = f"{' '.join(command)} failed:\n{result.stderr}"
        raise RuntimeError(msg)
    return result.stdout.strip().splitlines()[-1]


def differing(reference: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Branches whose entries, counts or sums differ."""
    if reference["entries"] != other["entries"]:
        return ["number of entries"]
    names = reference["branches"].keys() ^ other["branches"].keys()
    for name in reference["branches"].keys() & other["branches"].keys():
        first, second = reference["branches"][name], other["branches"][name]
        equal = first[:2] == second[:2] and np.isclose(
            first[2], second[2], rtol=RELATIVE_DIFFERENCE, atol=1e-9
        )
        if not equal:
            names.add(name)
    return sorted(names)


def tree_of(path: Path) -> str:
    """The path of the only tree of the file, or of its largest."""
    with uproot.open(path) as source:
        trees = [key for key, kind in source.classnames(cycle=False).items() if kind == "TTree"]
        return max(trees, key=lambda key: source[key].num_entries)


def compare(path: Path, root_python: Path | None, jsroot: Path | None) -> bool:
    """Print one line per reader; True where all agree."""
    tree = tree_of(path)
    reference = read_uproot(path, tree)
    values = sum(item[1] for item in reference["branches"].values())
    print(
        f"{path.name:42s} uproot  {reference['entries']:8d} entries {len(reference['branches']):4d} branches "
        f"{values:11d} values, sum of sums {sum(item[2] for item in reference['branches'].values()):.12g}"
    )
    agree = True
    for name, read, tool in (("ROOT", read_root, root_python), ("jsroot", read_jsroot, jsroot)):
        if tool is None:
            continue
        odd = differing(reference, read(path, tree, tool))
        print(f"{'':42s} {name:7s} {'equal in every branch' if not odd else 'DIFFERS: ' + ', '.join(odd)}")
        agree = agree and not odd
    return agree


def main() -> int:
    """Compare the files on the command line; 1 where readers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--root-python", type=Path)
    parser.add_argument("--jsroot", type=Path)
    arguments = parser.parse_args()
    results = [compare(path, arguments.root_python, arguments.jsroot) for path in arguments.files]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
