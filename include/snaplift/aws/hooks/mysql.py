"""MySQL and MariaDB: accounts and statements on a candidate, and what a database holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymysql
from pymysql.connections import Connection

from snaplift.promotion.fingerprint import CHECKED, Fingerprint, Table

log = logging.getLogger(__name__)

# SQLSTATE 28000; MariaDB answers 1698 where it picked a plugin for an account that does not exist.
REFUSED = frozenset({1045, 1698})

# Accounts of the server and of RDS itself, which must be left alone.
RESERVED = frozenset({"", "mariadb.sys", "mysql", "root", "event_scheduler", "rdsadmin", "rdsrepladmin"})
RESERVED_PREFIXES = ("mysql.", "rds_", "rds-", "rdsproxyadmin")


@dataclass(frozen=True)
class Credentials:
    """A user name and its password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Server:
    """Where a database server answers."""

    host: str
    port: int
    schema: str


@contextmanager
def connect(server: Server, credentials: Credentials, *, read_timeout: int = 600) -> Iterator[Connection[Any]]:
    """Open a connection that commits on success only.

    :param read_timeout: seconds that one statement may take.
    :raises pymysql.err.OperationalError: the server refuses or does not answer.
    """
    connection: Connection[Any] = pymysql.connect(
        host=server.host,
        port=server.port,
        user=credentials.username,
        password=credentials.password,
        database=server.schema,
        charset="utf8mb4",
        connect_timeout=10,
        read_timeout=read_timeout,
        write_timeout=read_timeout,
        autocommit=False,
    )
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


def opens(server: Server, credentials: Credentials) -> bool:
    """Try a login. False: the server refuses these credentials.

    :raises pymysql.err.OperationalError: the server does not answer, which says nothing about the credentials.
    """
    try:
        with connect(server, credentials):
            return True
    except pymysql.err.OperationalError as error:
        if error.args[0] in REFUSED:
            return False
        raise


def is_reserved(user: str) -> bool:
    """Say whether an account is the server's or RDS's own."""
    return user in RESERVED or user.startswith(RESERVED_PREFIXES)


Allowed = Callable[[str], None]
"""Raises if a write may not be done any more: the fence's check."""


def replace_application_users(
    server: Server, master: Credentials, application: Credentials, allowed: Allowed
) -> list[str]:
    """Leave one application account on a server: drop those that came with the copy, make the new one.

    Safe to repeat. The passwords are bound on the connection, not in any log.

    :returns: the names of the accounts that were dropped.
    """
    with connect(server, master) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT User, Host FROM mysql.user")
        accounts: Iterable[tuple[str, str]] = cursor.fetchall()
        kept = {master.username, application.username}
        foreign = sorted((user, host) for user, host in accounts if user not in kept and not is_reserved(user))
        for user, host in foreign:
            allowed("DROP USER")
            cursor.execute("DROP USER IF EXISTS %s@%s", (user, host))
        account = (application.username, "%")
        allowed("CREATE USER")
        cursor.execute("CREATE USER IF NOT EXISTS %s@%s IDENTIFIED BY %s", (*account, application.password))
        allowed("ALTER USER")
        cursor.execute("ALTER USER %s@%s IDENTIFIED BY %s", (*account, application.password))
        allowed("GRANT")
        # The schema's name is restricted by the configuration to letters, digits and underscores.
        cursor.execute(f"GRANT ALL PRIVILEGES ON `{server.schema}`.* TO %s@%s", account)
    return sorted({user for user, _ in foreign})


def run(
    server: Server,
    master: Credentials,
    statements: Iterable[str],
    values: Mapping[str, str],
    allowed: Allowed,
    *,
    step: str = "adapt",
) -> list[int]:
    """Run statements in one transaction, stopping at the first error. Returns the rows that each changed.

    :param step: whose statements they are, for who is told that a write is not allowed.
    """
    changed = []
    with connect(server, master) as connection, connection.cursor() as cursor:
        for statement in statements:
            allowed(f"a statement of {step}")
            changed.append(cursor.execute(statement, dict(values)))
        allowed(f"a COMMIT of {step}")
    return changed


def number(server: Server, credentials: Credentials, question: str, values: Mapping[str, str]) -> int:
    """Ask for one number.

    :raises ValueError: the answer is not one row with one number.
    """
    with connect(server, credentials, read_timeout=60) as connection, connection.cursor() as cursor:
        cursor.execute(question, dict(values))
        rows: Any = cursor.fetchall()
    try:
        [[value]] = rows
        return int(value)
    except (ValueError, TypeError):
        raise ValueError(f"expected one row with one number, got {len(rows)} rows") from None


# Tables with rows of their own; MariaDB's versioned ones have a type of their own.
_TABLES = """\
SELECT TABLE_NAME, COALESCE(DATA_LENGTH, 0) FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"""
_KEYS = """\
SELECT TABLE_NAME, MAX(COLUMN_NAME), MAX(DATA_TYPE) FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_KEY = 'PRI' GROUP BY TABLE_NAME HAVING COUNT(*) = 1"""
_COUNTING = 3600
"""Seconds that the counting of one table may take."""
_WHOLE_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})


def fingerprint(server: Server, credentials: Credentials) -> Fingerprint:
    """Take a schema's fingerprint, all tables as of one moment. Nobody who writes waits for it.

    It reads every table's index, and the rows of those up to :data:`CHECKED`: minutes, where there are many.

    :raises pymysql.err.MySQLError: the server refuses, does not answer, or a table changed its form meanwhile.
    """
    with connect(server, credentials, read_timeout=_COUNTING) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        cursor.execute(_KEYS)
        keys = {table: column for table, column, kind in cursor.fetchall() if kind.lower() in _WHOLE_NUMBERS}
        cursor.execute(_TABLES)
        sizes = dict(cursor.fetchall())
        return Fingerprint(tables={name: _table(cursor, name, keys.get(name), sizes[name]) for name in sorted(sizes)})


def _table(cursor: Any, name: str, key: str | None, size: int) -> Table:
    greatest_of = f"MAX({_quoted(key)})" if key else "NULL"
    cursor.execute(f"SELECT COUNT(*), {greatest_of} FROM {_quoted(name)}")  # noqa: S608  # names, quoted
    [(rows, greatest)] = cursor.fetchall()
    checksum = None
    if size <= CHECKED:  # InnoDB reads for it what the transaction sees
        cursor.execute(f"CHECKSUM TABLE {_quoted(name)}")
        [(_, checksum)] = cursor.fetchall()
    return Table(rows=rows, greatest=greatest, checksum=checksum)


def _quoted(name: str) -> str:
    """A table's or column's name, as SQL has it: no placeholder can stand for one."""
    return "`" + name.replace("`", "``") + "`"
