"""Real servers, as the routes' own tests start them."""

from tests.delivery.http.conftest import daemon, many, start

__all__ = ["daemon", "many", "start"]
