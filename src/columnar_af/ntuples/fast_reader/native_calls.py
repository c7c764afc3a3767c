"""C functions that kernels call by address: libdeflate and ``pread``.

Compiled kernels are kept on the disk, and addresses differ from process to process: so they are arguments of a kernel. Pointers
travel as integers of their width.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WORD, INT = ir.IntType(64), ir.IntType(32)


@dataclass(frozen=True)
class NativeCalls:
    """The library, and the addresses of what a kernel calls.

    Attributes:
        library: libdeflate.
        inflate: ``libdeflate_zlib_decompress``.
        read: ``pread``.
    """

    library: Any
    inflate: int
    read: int

    @contextmanager
    def decompressor(self) -> Iterator[int]:
        """A decompressor of libdeflate, for one thread at a time.

        Raises:
            MemoryError: There is no memory for it.
        """
        made = self.library.libdeflate_alloc_decompressor()
        if not made:
            raise MemoryError
        try:
            yield made
        finally:
            self.library.libdeflate_free_decompressor(made)


@cache
def native_calls() -> NativeCalls | None:
    """What kernels call; None where there is no libdeflate that tells its functions, or no 64-bit POSIX system."""
    if os.name != "posix" or sys.maxsize <= 2**32:
        return None
    for name in _libraries():
        try:
            library = ctypes.CDLL(name)
            inflate = _address(library.libdeflate_zlib_decompress)
            library.libdeflate_alloc_decompressor.restype = ctypes.c_void_p
            library.libdeflate_free_decompressor.argtypes = [ctypes.c_void_p]
        except (OSError, AttributeError):
            continue
        return NativeCalls(library, inflate, _address(ctypes.CDLL(None).pread))
    return None


def _libraries() -> Iterator[str]:
    """Files that may hold libdeflate: the extension module of ``deflate``, whose wheels export it, or the system's."""
    with suppress(ImportError):
        yield str(importlib.import_module("deflate._deflate").__file__)
    found = ctypes.util.find_library("deflate")
    if found:
        yield found


def _address(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


@intrinsic
def call_inflate(
    _context: Any, _address: Any, _decompressor: Any, _source: Any, _size: Any, _target: Any, _room: Any
) -> Any:
    """``libdeflate_zlib_decompress`` that has to fill ``room`` bytes exactly; 0 where it did."""
    signature = types.int64(*[types.int64] * 6)

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(INT, [WORD] * 6)
        function = builder.inttoptr(values[0], kind.as_pointer())
        no_size = ir.Constant(WORD, 0)
        return builder.sext(builder.call(function, [*values[1:], no_size]), WORD)

    return signature, generate


@intrinsic
def call_read(
    _context: Any, _address: Any, _descriptor: Any, _target: Any, _size: Any, _position: Any
) -> Any:
    """``pread``: the number of bytes read, -1 for an error."""
    signature = types.int64(*[types.int64] * 5)

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        function = builder.inttoptr(values[0], ir.FunctionType(WORD, [INT, WORD, WORD, WORD]).as_pointer())
        return builder.call(function, [builder.trunc(values[1], INT), *values[2:]])

    return signature, generate
