"""Plugins and settings of the whole suite; fixtures of one package stand in that package's conftest."""

from hypothesis import settings

pytest_plugins = ["tests.budgets"]

# No deadline per example: on a shared machine it measures the neighbours. pytest-timeout bounds each test.
settings.register_profile("shared-machine", deadline=None, print_blob=True)
settings.load_profile("shared-machine")
