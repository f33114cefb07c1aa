"""What a platform names instead of making it is looked at before anything is built upon it. It is never changed."""

from __future__ import annotations

from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.config.platform import Platform
from snaplift.promotion.existing import Existing, named, problems


def check_existing(aws: Aws, name: str, platform: Platform) -> None:
    """See that all that a platform names is there, in its account and region, and as it has to be.

    :raises StepFailed: with everything that is not.
    """
    wanted = named(platform)
    if not wanted.anything:
        return
    found = Existing(
        account=str(aws.network.account_id),
        vpcs=aws.network.vpcs(wanted.vpc) if wanted.vpc else (),
        subnets={subnet: it for subnet in wanted.subnets if (it := aws.network.subnet(subnet))},
        clusters=aws.services.active_clusters(wanted.cluster) if wanted.cluster else (),
        listeners={arn: listener for arn in wanted.listeners if (listener := aws.listeners.find(arn))},
        security_groups={group: vpc for group in wanted.security_groups if (vpc := aws.network.network_of(group))},
        keys={wanted.key: key} if wanted.key and (key := aws.keys.find(wanted.key)) else {},
    )
    if said := problems(platform, found):
        raise StepFailed(f"nothing was made: {'; '.join(said)}. Correct {name} in platforms.yaml")
