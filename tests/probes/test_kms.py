"""KMS: preflight asks whether a platform's key is there and enabled."""

from __future__ import annotations

from typing import Any

import pytest

from tests.probes.asking import fresh, refusal
from tests.probes.conftest import Clients


@pytest.fixture(scope="module")
def kms(aws: Clients) -> Any:
    return aws("kms")


@pytest.fixture(scope="module")
def key(kms: Any) -> str:
    return str(kms.create_key(Description="probe")["KeyMetadata"]["Arn"])


def test_a_new_key_is_enabled_and_the_customers(kms: Any, key: str) -> None:
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"], described["KeyManager"]) == (
        "Enabled",
        True,
        "CUSTOMER",
    )


def test_a_key_is_described_by_id_arn_and_alias(kms: Any, key: str) -> None:
    alias = f"alias/{fresh()}"
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    names = (key, key.rpartition("/")[2], alias, f"{key.rpartition(':')[0]}:{alias}")
    assert {kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] for name in names} == {key}
    kms.delete_alias(AliasName=alias)
    assert refusal(kms.describe_key, KeyId=alias) == "NotFoundException"


def test_a_disabled_key_says_so(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_key_to_be_deleted_says_so(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_an_unknown_key_is_not_found(kms: Any) -> None:
    assert refusal(kms.describe_key, KeyId="12345678-1234-1234-1234-123456789012") == "NotFoundException"


def test_an_alias_is_given_once(kms: Any, key: str) -> None:
    alias = f"alias/{fresh()}"
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    assert refusal(kms.create_alias, AliasName=alias, TargetKeyId=key) == "AlreadyExistsException"
