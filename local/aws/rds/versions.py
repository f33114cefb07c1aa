"""The versions of MariaDB that instances can be of."""

from local.aws.query import Fault

ENGINE = "mariadb"
# RDS's own numbers, for a version that is not the installed one: the data is then served by the installed one,
# and the instance says what was asked for.
_OFFERED = {"10.6": "10.6.23", "10.11": "10.11.14", "11.4": "11.4.8", "11.8": "11.8.3"}


class Versions:
    """What is offered on a machine with ``installed`` (``10.11.14``)."""

    def __init__(self, installed: str) -> None:
        self._installed = installed
        self._by_series = {**_OFFERED, series(installed): installed}

    def resolve(self, engine: str, version: str | None) -> str:
        """The full version for a request's Engine and EngineVersion (None: the installed one).

        :raises Fault: InvalidParameterValue, InvalidParameterCombination
        """
        if engine != ENGINE:
            raise Fault("InvalidParameterValue", f"Invalid DB engine: {engine}. Here there is only {ENGINE}.")
        if version is None:
            return self._installed
        if version in self._by_series:
            return self._by_series[version]
        if version in (*self._by_series.values(), *_OFFERED.values()):
            return version
        raise Fault("InvalidParameterCombination", f"Cannot find version {version} for {engine}")

    def all(self) -> list[str]:
        """Every full version, oldest first."""
        return sorted(self._by_series.values(), key=_numbers)


def series(version: str) -> str:
    """``10.11`` of ``10.11.14``."""
    return ".".join(version.split(".")[:2])


def is_older(version: str, than: str) -> bool:
    """Whether one full version precedes another."""
    return _numbers(version) < _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
