"""Benchmarks: how the library's time and memory compare with other ways."""
