"""Which accounts of a copy are the server's own."""

from __future__ import annotations

import pytest

from snaplift.aws.hooks.mysql import Credentials, is_reserved


@pytest.mark.parametrize(
    "user", ["", "root", "mysql", "mariadb.sys", "mysql.session", "rdsadmin", "rds_superuser_role", "rdsproxyadmin"]
)
def test_the_servers_own_accounts_and_those_of_rds_are_left_alone(user: str) -> None:
    assert is_reserved(user)


@pytest.mark.parametrize("user", ["xy0146_0a1b2c3d", "wordpress", "admin", "rooter", "mysqldump", "rdsuser"])
def test_s24_every_other_account_is_the_datas(user: str) -> None:
    assert not is_reserved(user)


def test_a_password_is_not_shown_with_its_credentials() -> None:
    assert "secret" not in repr(Credentials("app", "secret"))
