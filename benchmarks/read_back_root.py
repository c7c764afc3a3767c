"""Sums of every branch of a tree as ROOT reads them; run by compare_readers.py with a Python that has ROOT.

Usage: python read_back_root.py FILE TREE
"""

from __future__ import annotations

import json
import sys

import ROOT

SCALARS = {"TLeafI": "int", "TLeafD": "double", "TLeafF": "float", "TLeafL": "long long", "TLeafO": "bool"}

CODE = """
#include <string>
#include <vector>
template <typename T> void add(const std::vector<T>& v, double& n, double& s) { n += v.size(); for (T x : v) s += x; }
void add(const std::vector<std::string>& v, double& n, double& s) {
  n += v.size();
  for (const auto& x : v) for (unsigned char c : x) s += c;
}
template <typename T> void sum_vector(TTree& tree, const char* name, double* out) {
  TTreeReader reader(&tree);
  TTreeReaderValue<std::vector<T>> value(reader, name);
  while (reader.Next()) { out[0] += 1; add(*value, out[1], out[2]); }
}
template <typename T> void sum_scalar(TTree& tree, const char* name, double* out) {
  TTreeReader reader(&tree);
  TTreeReaderValue<T> value(reader, name);
  while (reader.Next()) { out[0] += 1; out[1] += 1; out[2] += *value; }
}
"""


def main(path: str, tree_path: str) -> None:
    """Write {branch: [entries, values, sum]} as JSON to standard output."""
    ROOT.gInterpreter.Declare(CODE)
    source = ROOT.TFile.Open(path)
    tree = source.Get(tree_path)
    sums = {}
    for branch in tree.GetListOfBranches():
        name = branch.GetName()
        out = ROOT.std.vector("double")(3, 0.0)
        class_name = str(branch.GetClassName())
        if class_name:
            item = class_name.removeprefix("vector<").removesuffix(">")
            item = "std::string" if item == "string" else item
            ROOT.sum_vector[item](tree, name, out.data())
        else:
            leaf = branch.GetListOfLeaves()[0]
            kind = SCALARS[leaf.ClassName()]
            ROOT.sum_scalar[f"unsigned {kind}" if leaf.IsUnsigned() else kind](tree, name, out.data())
        sums[name] = list(out)
    json.dump({"entries": int(tree.GetEntries()), "branches": sums}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
