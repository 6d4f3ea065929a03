"""Benchmarks: each a module that measures, and a row in the table of `__main__`."""
