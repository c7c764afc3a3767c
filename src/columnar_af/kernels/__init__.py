"""Numba kernels: one quantity or search per file; pure functions of arrays, no I/O, no configuration.

Each takes flat contents and offsets and gives arrays, releases the GIL, and has a plain reference beside its test.
"""
