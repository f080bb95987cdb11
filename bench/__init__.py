"""Benchmarks: ratios within one run are what counts. `make bench` runs them; nothing is updated by itself."""
