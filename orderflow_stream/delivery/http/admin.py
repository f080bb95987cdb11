"""`POST /admin/reload`: read the configuration anew, as SIGHUP does."""

from __future__ import annotations

import orjson
from aiohttp import web

from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.errors import ApiError
from orderflow_stream.delivery.http.params import Query


async def reload(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """What has changed, and what needs a restart; a configuration with a fault changes nothing and is a 409."""
    if context.reload is None:
        raise ApiError(503, "not_ready", "this daemon cannot read its configuration anew; restart it")
    outcome = context.reload()
    if outcome.faults:
        raise ApiError(409, "bad_configuration", "nothing was changed: " + "; ".join(outcome.faults))
    data = {"changed": list(outcome.changed), "restart": list(outcome.restart)}
    told = f"{len(outcome.changed)} keys changed"
    if outcome.restart:
        told += f"; a restart is needed for {', '.join(outcome.restart)}"
    return success(request, context.now(), orjson.dumps(data), told)
