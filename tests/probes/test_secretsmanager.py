"""Secrets Manager: names of deleted secrets stay taken, so a database's secret has a path of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.probes.asking import create_stack, delete_stack, fresh, outputs, refusal, tags
from tests.probes.conftest import Clients


@pytest.fixture(scope="module")
def secrets(aws: Clients) -> Any:
    return aws("secretsmanager")


@pytest.fixture
def secret(secrets: Any) -> Iterator[str]:
    name = f"snaplift/{fresh()}"
    secrets.create_secret(Name=name, SecretString="first", Tags=tags(owner="probe"))
    yield name
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_the_arn_ends_in_six_characters_that_aws_chooses(secrets: Any, secret: str) -> None:
    arn = secrets.describe_secret(SecretId=secret)["ARN"]
    name, _, suffix = arn.rpartition("-")
    assert name.endswith(f":secret:{secret}")
    assert len(suffix) == 6


def test_a_secret_is_read_by_name_and_by_arn(secrets: Any, secret: str) -> None:
    arn = secrets.describe_secret(SecretId=secret)["ARN"]
    assert [secrets.get_secret_value(SecretId=key)["SecretString"] for key in (secret, arn)] == ["first"] * 2


def test_a_name_is_given_once(secrets: Any, secret: str) -> None:
    assert refusal(secrets.create_secret, Name=secret, SecretString="y") == "ResourceExistsException"


def test_a_deleted_name_stays_taken_until_the_recovery_window_ends(secrets: Any, secret: str) -> None:
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    assert refusal(secrets.create_secret, Name=secret, SecretString="y") == "InvalidRequestException"


def test_a_deleted_secret_cannot_be_read_but_restored(secrets: Any, secret: str) -> None:
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    assert refusal(secrets.get_secret_value, SecretId=secret) == "InvalidRequestException"
    secrets.restore_secret(SecretId=secret)
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "first"


def test_a_name_is_free_at_once_after_a_forced_delete(secrets: Any, secret: str) -> None:
    secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    assert refusal(secrets.get_secret_value, SecretId=secret) == "ResourceNotFoundException"
    secrets.create_secret(Name=secret, SecretString="second")
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "second"


def test_a_forced_delete_ends_a_recovery_window(secrets: Any, secret: str) -> None:
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=secret, SecretString="second")
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "second"


def test_a_recovery_window_beside_a_forced_delete_is_refused(secrets: Any, secret: str) -> None:
    code = refusal(secrets.delete_secret, SecretId=secret, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
    assert code == "InvalidParameterException"


@pytest.mark.parametrize("days", [6, 31])
def test_a_recovery_window_is_7_to_30_days(secrets: Any, secret: str, days: int) -> None:
    code = refusal(secrets.delete_secret, SecretId=secret, RecoveryWindowInDays=days)
    assert code == "InvalidParameterException"


def test_an_unknown_secret_is_not_found(secrets: Any) -> None:
    assert refusal(secrets.get_secret_value, SecretId=fresh()) == "ResourceNotFoundException"


def test_a_name_with_other_characters_is_refused(secrets: Any) -> None:
    assert refusal(secrets.create_secret, Name="a secret", SecretString="x") == "ValidationException"


def test_a_new_value_becomes_current_and_keeps_the_previous(secrets: Any, secret: str) -> None:
    secrets.put_secret_value(SecretId=secret, SecretString="second")
    values = [
        secrets.get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"]
        for stage in ("AWSCURRENT", "AWSPREVIOUS")
    ]
    assert values == ["second", "first"]


def test_listing_leaves_out_what_is_to_be_deleted_unless_asked(secrets: Any, secret: str) -> None:
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)

    def listed(**extra: Any) -> set[str]:
        pages = secrets.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [secret]}], **extra)
        return {entry["Name"] for page in pages for entry in page["SecretList"]}

    assert secret not in listed()
    assert secret in listed(IncludePlannedDeletion=True)


def test_a_stack_makes_a_secret_from_its_template(cloudformation: Any, secrets: Any, aws: Clients) -> None:
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    name = f"snaplift/{fresh()}"
    made = create_stack(
        cloudformation,
        {
            "Resources": {
                "Secret": {
                    "Type": "AWS::SecretsManager::Secret",
                    "Properties": {
                        "Name": name,
                        "KmsKeyId": key,
                        "GenerateSecretString": {
                            "SecretStringTemplate": '{"username": "app"}',
                            "GenerateStringKey": "password",
                            "PasswordLength": 40,
                            "ExcludePunctuation": True,
                        },
                    },
                }
            },
            "Outputs": {"Arn": {"Value": {"Ref": "Secret"}}},
        },
        Tags=tags(owner="probe"),
    )
    assert made["StackStatus"] == "CREATE_COMPLETE"
    arn = outputs(made)["Arn"]
    value = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    description = secrets.describe_secret(SecretId=arn)
    assert value["username"] == "app"
    assert len(value["password"]) == 40
    assert value["password"].isalnum()
    assert description["KmsKeyId"] == key
    assert {"Key": "owner", "Value": "probe"} in description["Tags"]
    assert delete_stack(cloudformation, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert refusal(secrets.get_secret_value, SecretId=arn) in (
        "InvalidRequestException",
        "ResourceNotFoundException",
    )
