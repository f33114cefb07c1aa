"""``Filters``, ``MaxRecords`` and ``Marker`` of the Describe calls."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from local.aws.query import Fault

Record = dict[str, Any]

_LEAST, _MOST = 20, 100


def filtered(
    records: Iterable[Record],
    filters: Iterable[Mapping[str, Any]],
    fields: Mapping[str, Callable[[Record], Sequence[str]]],
) -> list[Record]:
    """The records that match every filter; a filter matches by any of its values, whatever their case.

    :param fields: what each known filter compares, by the filter's name
    :raises Fault: InvalidParameterValue for a filter that the call does not know
    """
    wanted: list[tuple[Callable[[Record], Sequence[str]], set[str]]] = []
    for one in filters:
        if one["Name"] not in fields:
            raise Fault("InvalidParameterValue", f"Unrecognized filter name: {one['Name']}")
        wanted.append((fields[one["Name"]], {value.lower() for value in one.get("Values", [])}))
    return [
        record
        for record in records
        if all({text.lower() for text in field(record)} & values for field, values in wanted)
    ]


def page(records: Sequence[Record], key: str, request: Mapping[str, Any]) -> tuple[list[Record], str | None]:
    """One page in the order of ``key``, and the marker of the next (None: this is the last).

    A marker names the last record given, so a record that goes meanwhile neither skips nor repeats another.

    :raises Fault: InvalidParameterValue for MaxRecords outside 20 to 100, or for a marker not given by us
    """
    size = request.get("MaxRecords", _MOST)
    if not _LEAST <= size <= _MOST:
        raise Fault(
            "InvalidParameterValue",
            f"Invalid value {size} for MaxRecords. Must be between {_LEAST} and {_MOST}",
        )
    after = _decoded(request["Marker"]) if request.get("Marker") else ""
    rest = sorted((record for record in records if record[key] > after), key=lambda record: str(record[key]))
    marker = base64.urlsafe_b64encode(rest[size - 1][key].encode()).decode() if len(rest) > size else None
    return rest[:size], marker


def _decoded(marker: str) -> str:
    try:
        return base64.urlsafe_b64decode(marker).decode()
    except ValueError:
        raise Fault("InvalidParameterValue", f"The marker {marker} is not valid.") from None
