"""CloudFormation as AWS has it, where ministack's is more lenient or says less."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.aws.server import Server


def install(server: Server) -> None:
    """Put every part over ministack's; the other services' resource handlers are in place already."""
    # Here, since ministack is not where `derive_schemas` runs.
    from local.aws.cloudformation import (
        calls,
        deletion,
        gateways,
        operations,
        policy,
        properties,
        resources,
        templates,
    )

    operations.install(server)
    deletion.install(server)
    policy.install()
    properties.install()
    gateways.install()
    resources.install()
    templates.install()
    calls.install()
