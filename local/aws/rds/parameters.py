"""Parameter groups: which of their settings reach a MariaDB server here, and when."""

import re
from collections.abc import Mapping

from local.aws.query import Fault

# Settings that mean the same on any MariaDB server and cannot lead out of it. Others (memory by instance class,
# files, replication) are kept in the group, as on AWS, and not passed on.
DYNAMIC = frozenset(
    {
        "character_set_server",
        "collation_server",
        "connect_timeout",
        "event_scheduler",
        "group_concat_max_len",
        "init_connect",
        "innodb_lock_wait_timeout",
        "innodb_strict_mode",
        "interactive_timeout",
        "local_infile",
        "lock_wait_timeout",
        "log_bin_trust_function_creators",
        "long_query_time",
        "max_allowed_packet",
        "max_connect_errors",
        "max_connections",
        "max_heap_table_size",
        "max_statement_time",
        "net_read_timeout",
        "net_write_timeout",
        "old_mode",
        "optimizer_switch",
        "slow_query_log",
        "sort_buffer_size",
        "sql_mode",
        "time_zone",
        "tmp_table_size",
        "transaction_isolation",
        "tx_isolation",
        "wait_timeout",
    }
)
STATIC = frozenset(("lower_case_table_names", "skip_name_resolve", "ft_min_word_len", "innodb_ft_min_token_size"))
_VALUE = re.compile(r"[\w ,.:/+@='\-]*", re.ASCII)


def check_value(name: str, value: str) -> None:
    """Refuse what could not be one setting's value.

    :raises Fault: InvalidParameterValue
    """
    if not re.fullmatch(r"[a-z][a-z0-9_\-]*", name):
        raise Fault("InvalidParameterValue", f"Could not find parameter with name: {name}")
    if name in DYNAMIC | STATIC and not _is_formula(value) and not _VALUE.fullmatch(value):
        raise Fault("InvalidParameterValue", f"The value {value!r} for {name} is not valid.")


def server_options(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that a server is started with, by MariaDB's names."""
    return {
        "transaction_isolation" if name == "tx_isolation" else name: value
        for name, value in settings.items()
        if name in DYNAMIC | STATIC and not _is_formula(value)
    }


def changed_while_running(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that a running server takes with SET GLOBAL, by MariaDB's names."""
    return {
        "tx_isolation" if name == "transaction_isolation" else name: value
        for name, value in settings.items()
        if name in DYNAMIC and not _is_formula(value)
    }


def family(version: str) -> str:
    """The parameter group family of a MariaDB version: ``mariadb10.11`` of ``10.11.6``."""
    return "mariadb" + ".".join(version.split(".")[:2])


def default_group(version: str) -> str:
    """The name of the group that an instance gets when none is named."""
    return f"default.{family(version)}"


def _is_formula(value: str) -> bool:
    return "{" in value
