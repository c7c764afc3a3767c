// Sums of every branch of a tree as jsroot reads them; run by compare_readers.py.
// Usage: node read_back_jsroot.mjs JSROOT_FOLDER FILE TREE
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, path, treePath] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(folder, name)).href);
const { openFile } = await load("modules/io.mjs");
const { treeProcess, TSelector } = await load("modules/tree.mjs");

const bytes = readFileSync(path);
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const file = await openFile(buffer);
const tree = await file.readObject(treePath);
const names = tree.fBranches.arr.map((branch) => branch.fName);
const sums = Object.fromEntries(names.map((name) => [name, [0, 0, 0]]));
const codes = (text) => [...Buffer.from(text)].reduce((sum, code) => sum + code, 0);
const number = (value) => (typeof value === "string" ? codes(value) : Number(value));

class Sums extends TSelector {
  constructor() {
    super();
    names.forEach((name, index) => this.addBranch(name, "b" + index));
  }
  Process() {
    names.forEach((name, index) => {
      const value = this.tgtobj["b" + index];
      const items = value !== null && typeof value === "object" ? Array.from(value) : [value];
      const sum = sums[name];
      sum[0] += 1;
      sum[1] += items.length;
      for (const item of items) sum[2] += number(item);
    });
  }
}
await treeProcess(tree, new Sums());
console.log(JSON.stringify({ entries: Number(tree.fEntries), branches: sums }));
