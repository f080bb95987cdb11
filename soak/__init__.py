"""The long form of the tests: hours of faults, in pieces that can be resumed. `make soak` runs it; see `__main__`."""
