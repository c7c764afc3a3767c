"""Ways to damage bytes and documents; each is fixed by its random number generator."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

STRANGE = (
    None, True, -1, 0, 2**31, 2**63, 2**64, 1e308, -0.0, "", "NaN", "\x00", "é" * 50, "../../etc/passwd", [], {}, [[]],
    {"$type": "array", "dtype": "<f8", "shape": [10**12], "values": []}, {"$type": "histogram", "key": "x"},
    {"$type": []}, {"": None}, [None] * 50, "1e999", "<U1000000000", -(2**63),
)  # fmt: skip
"""Values that a document may hold where something else is expected."""

YAML_PIECES = (
    b"&a ", b"*a", b"!!python/object/apply:os.system ['true']", b"<<: *a", b"? ", b"- ", b": ", b"{", b"[", b"\t", b"|\n", b"%YAML 9\n",
    b"---\n", b"\xff", b"\x00", b"'", b'"', b"!!binary ", b"!!set ", b"0x", b"2017-01-01", b"*", b"**", b"\xef\xbb\xbf", b"1e400", b"~",
)  # fmt: skip


def damaged(random_numbers: random.Random, data: bytes) -> bytes:
    """Bytes with a few flips, cuts, insertions or repetitions."""
    changed = bytearray(data)
    for _ in range(random_numbers.choice((1, 1, 2, 4, 16))):
        if not changed:
            break
        place = random_numbers.randrange(len(changed))
        match random_numbers.randrange(7):
            case 0 | 1:
                changed[place] ^= 1 << random_numbers.randrange(8)
            case 2:
                changed[place] = random_numbers.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 3:
                changed[place : place + 4] = random_numbers.choice(
                    (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x40\x00\x00\x10")
                )
            case 4:
                del changed[place : place + random_numbers.choice((1, 4, 64, 10**9))]
            case 5:
                changed[place:place] = bytes(
                    random_numbers.randrange(256) for _ in range(random_numbers.randrange(9))
                )
            case _:
                piece = changed[place : place + random_numbers.randrange(1, 64)]
                changed[place:place] = piece * random_numbers.choice((1, 2, 50))
    return bytes(changed)


def damaged_header(random_numbers: random.Random, data: bytes, length: int) -> bytes:
    """The same, near the start or the end, where files keep their descriptions."""
    if random_numbers.random() < 0.5:
        return damaged(random_numbers, data[:length]) + data[length:]
    return data[:-length] + damaged(random_numbers, data[-length:])


def flipped(random_numbers: random.Random, data: bytes) -> bytes:
    """The same length with other bits: what a bad disk does, and what no check of the length can find."""
    changed = bytearray(data)
    for _ in range(random_numbers.choice((1, 2, 8, 64))):
        changed[random_numbers.randrange(len(changed))] ^= 1 << random_numbers.randrange(8)
    return bytes(changed)


def damaged_yaml(random_numbers: random.Random, data: bytes) -> bytes:
    """A YAML text with pieces of its grammar in wrong places, aliases of aliases, or deep nesting."""
    kind = random_numbers.randrange(6)
    if kind == 0:
        depth = random_numbers.choice((50, 1000, 20_000))
        return b"d: " + random_numbers.choice((b"[", b"{a: ", b"- ")) * depth
    if kind == 1:  # each line doubles the size of the one before
        lines = ["a0: &a0 [x, x]"] + [
            f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, random_numbers.choice((8, 40)))
        ]
        return "\n".join(lines).encode()
    changed = bytearray(data)
    for _ in range(random_numbers.randrange(1, 5)):
        place = random_numbers.randrange(len(changed) + 1)
        changed[place:place] = random_numbers.choice(YAML_PIECES)
    return bytes(changed) if kind < 4 else damaged(random_numbers, bytes(changed))


def damaged_document(random_numbers: random.Random, document: Any) -> Any:
    """A JSON document of which some nodes are replaced, removed, repeated or exchanged."""
    document = json.loads(json.dumps(document))
    for _ in range(random_numbers.choice((1, 1, 2, 5))):
        places = list(_places(document))
        if not places:
            break
        parent, key = random_numbers.choice(places)
        match random_numbers.randrange(5):
            case 0 | 1:
                parent[key] = copy.deepcopy(random_numbers.choice(STRANGE))
            case 2:
                del parent[key]
            case 3 if isinstance(parent, dict):
                parent[random_numbers.choice(("", "$type", "x", str(key) * 3))] = parent[key]
            case _:
                other, from_key = random_numbers.choice(places)
                if isinstance(other, dict) and from_key in other:
                    parent[key] = json.loads(json.dumps(other[from_key]))
    return document


def _places(node: Any) -> Any:
    """Every node but the root, as its parent and its key."""
    waiting = [node]
    while waiting:
        parent = waiting.pop()
        items = (
            parent.items()
            if isinstance(parent, dict)
            else enumerate(parent)
            if isinstance(parent, list)
            else ()
        )
        for key, value in items:
            yield parent, key
            waiting.append(value)
