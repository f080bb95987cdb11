"""[auth]: who may ask, and how much."""

from collections.abc import Mapping
from contextvars import ContextVar
from math import ceil
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from orderflow_stream.config import keylines, values
from orderflow_stream.config.faults import wrong
from orderflow_stream.config.keylines import KeyLine, KeysFile, key_line, name
from orderflow_stream.config.kinds import Seconds, Table, Text, Whole, key

_MOST_KEYS: Final = 10_000
#: Keys of one name: an old one and the new one that takes its place.
_MOST_OF_A_NAME: Final = 2

#: Whether the configuration that is being checked has keys: then another table's rule about open doors is kept.
KEYED: ContextVar[bool] = ContextVar("KEYED", default=False)


class Plan(Table):
    """One plan; 0 is "no limit"."""

    per_second: Annotated[Seconds, Field(ge=0, le=1_000_000)] = 0.0
    burst: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    per_month: Annotated[Whole, Field(ge=0, le=10**12)] = 0
    streams: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0

    @property
    def at_once(self) -> int:
        """Requests that may come at once."""
        return self.burst or max(1, ceil(2 * self.per_second))


#: Plans that need not be written: those of the API that this one is compatible with, with streams beside.
PLANS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "free": Plan(per_second=2, per_month=450, streams=1),
        "starter": Plan(per_second=6, per_month=11_500, streams=4),
        "pro": Plan(per_second=18, per_month=68_000, streams=16),
        "business": Plan(per_second=45, per_month=360_000, streams=64),
    }
)


def _plans(value: object) -> object:
    """Names in lower case; `PRO__PER_SECOND`, which is what is left of a variable's name, is `pro.per_second`."""
    if not isinstance(value, Mapping):
        return value
    out: dict[str, Any] = {}
    for written, plan in value.items():
        outer, under, inner = str(written).lower().partition("__")
        if under:
            plan = {inner: plan}  # noqa: PLW2901 - one plan from several variables
        if isinstance(plan, Mapping) and isinstance(out.get(outer), dict):
            repeated = [field for field in plan if field in out[outer]]
            if not under and repeated:
                raise wrong(f"{outer} is given twice", "names of plans do not differ by case")
            out[outer] |= plan
        else:
            out[outer] = dict(plan) if isinstance(plan, Mapping) else plan
    return out


def _plan_name(value: object) -> str:
    try:
        return name(str(value))
    except ValueError as error:
        raise wrong("is not a name for a plan", str(error)) from None


class Auth(Table):
    """[auth]"""

    keys: tuple[Annotated[KeyLine, PlainValidator(key_line)], ...] = key(
        [],
        type="list of lines of `orderflow-stream key new`",
        meaning="keys, one of which every client then needs; what stands here opens nothing; none: everybody may read",
    )
    keys_file: Annotated[KeysFile | None, PlainValidator(keylines.keys_file)] = key(
        "", type="path or empty", meaning="a file with more such lines, one a line; not readable by others (chmod 600)"
    )
    plans: Annotated[
        Mapping[Annotated[str, PlainValidator(_plan_name)], Plan],
        BeforeValidator(_plans),
        AfterValidator(values.read_only),
        PlainSerializer(dict),
    ] = key(
        {},
        type="table plan = { per_second, burst, per_month, streams }",
        meaning="limits of the keys with plan=NAME, such as "
        "{ desk = { per_second = 10, burst = 20, per_month = 100000, streams = 5 } }; "
        "0: none, burst 0: twice per_second; built in: "
        + ", ".join(
            f"{title} {plan.per_second:g}/s {plan.per_month}/month {plan.streams} at once"
            for title, plan in PLANS.items()
        ),
    )
    per_ip_per_second: Seconds = key(
        50,
        type="number from 0",
        unit="requests/s",
        meaning="of one address without a key, this machine's own excepted; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    per_ip_burst: Whole = key(
        100, type="integer from 1", unit="requests", meaning="of one address at once", ge=1, le=1_000_000
    )
    usage_file: Text = key(
        "",
        type="path or empty",
        meaning="where this month's requests of each key are kept through a restart; empty: they begin at 0 then",
    )

    @property
    def lines(self) -> tuple[KeyLine, ...]:
        """All keys."""
        return self.keys + (self.keys_file.keys if self.keys_file is not None else ())

    def plan(self, title: str) -> Plan:
        """A plan that is known to be there."""
        return self.plans.get(title) or PLANS[title]

    @field_validator("plans", mode="after")
    @classmethod
    def _keys_go_together(cls, plans: Mapping[str, Plan], info: ValidationInfo) -> Mapping[str, Plan]:
        """Of the last of the three, not of the table, so that it speaks up even where another key is wrong."""
        file: KeysFile | None = info.data.get("keys_file")
        lines: tuple[KeyLine, ...] = info.data.get("keys", ()) + (file.keys if file is not None else ())
        at = "keys_file" if file is not None and not info.data.get("keys") else "keys"
        if len(lines) > _MOST_KEYS:
            raise wrong(f"more than {_MOST_KEYS} keys", instead_of=at)
        by_name: dict[str, list[KeyLine]] = {}
        seen: set[str] = set()
        for line in lines:
            if line.id in seen:
                raise wrong(f"ofd_{line.id} is there twice", "remove one of the lines", instead_of=at)
            seen.add(line.id)
            if line.plan and line.plan not in plans and line.plan not in PLANS:
                known = ", ".join(sorted({*plans, *PLANS}))
                raise wrong(f"ofd_{line.id} has no such plan: {line.plan}", f"there are {known}", instead_of=at)
            by_name.setdefault(line.name or line.id, []).append(line)
        for title, same in by_name.items():
            if len(same) > _MOST_OF_A_NAME:
                raise wrong(f"{len(same)} keys named {title}", "two at most: the old one and the new", instead_of=at)
            if len({line.plan for line in same}) > 1:
                raise wrong(f"the keys named {title} have different plans", "they are one client's", instead_of=at)
        return plans


def has_keys(data: object) -> bool:
    """Whether a configuration, as it is written, asks clients for a key."""
    auth = data.get("auth") if isinstance(data, Mapping) else None
    if isinstance(auth, Auth):
        return bool(auth.lines)
    if not isinstance(auth, Mapping):
        return False
    file = auth.get("keys_file")
    return bool(auth.get("keys")) or bool(file.strip() if isinstance(file, str) else file)
