"""The first floor: one file an analytic, pure functions and trackers over a book."""
