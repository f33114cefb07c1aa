"""What is wrong with a configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class ConfigError:
    """One thing that is wrong in one file.

    As text: ``config/tenants/xy-0146.yaml:12: service.cpu: 300 is not allowed: expected 256, 512, …``
    """

    file: str
    """As a person knows it: relative to the folder that holds the configuration."""
    line: int
    """From 1; 0 where the whole file is meant."""
    column: int
    """From 1; 0 where the whole file or line is meant."""
    field: str
    """``service.containers.web.port``; empty where the file cannot be read or the whole file is meant."""
    message: str
    """What is wrong, what is allowed; of the file's values only the one in question, shortened."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class InvalidConfiguration(ValueError):
    """A file cannot be used; the message has one line for each thing that is wrong."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(errors))
        super().__init__("\n".join(str(error) for error in self.errors))


class Misplaced(ValueError):
    """A value does not fit to another one; for validators of a section that can say which field below it is meant."""

    def __init__(self, message: str, *path: str | int) -> None:
        self.path = path
        super().__init__(message)
