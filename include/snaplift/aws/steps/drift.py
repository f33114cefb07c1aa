"""drift: what stands is compared with the pointers and the configuration. Nothing is changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import sentence
from snaplift.aws.steps.layers import layers_of_namespace
from snaplift.aws.steps.survey import check_whole, survey
from snaplift.config.loading import Configuration, load_configuration, tenant_names
from snaplift.promotion.changes import unlike
from snaplift.promotion.drift import Deviation, compared, deviations, of_stack, unreadable
from snaplift.promotion.estate import Survey
from snaplift.stacks.settings import EnvironmentSettings

log = logging.getLogger(__name__)


def find_drift(root: Path) -> list[Deviation]:
    """Compare what stands with the pointers and the configuration.

    :param root: the folder with the configuration.
    :raises Exception: something could not be listed: what was not seen is not taken for missing.
    """
    configuration = load_configuration(root)
    found = survey(configuration.platforms)
    check_whole(found)
    broken = set(tenant_names(root)) - set(configuration.tenants)
    said = []
    for each in found:
        settings = _settings(configuration, {place.platform for place in each.places})
        said += deviations(each, settings, broken)
        said += [told for namespace in _provisioned(each, settings) for told in of_stacks(configuration, namespace)]
    for deviation in said:
        log.info("%s: %s", deviation.namespace, deviation)
    return said


def of_stacks(configuration: Configuration, namespace: naming.Namespace) -> Iterator[Deviation]:
    """Compare a namespace's stacks with the configuration, as its change would. It stops no other's comparison."""
    try:
        tenant = configuration.tenants[str(namespace.tenant)]
        layers = layers_of_namespace(configuration.platforms, tenant, namespace.environment)
        aws = Aws.at(layers.place)
        told = []
        for layer in layers.stacks:
            found = layer.found
            if found.created:  # another has failed, or is at work, which is told by itself
                template = aws.change_sets.template(found)
                what = unlike(layer.wanted, template, found.parameters, found.tags, live=layer.live)
                told.append(of_stack(namespace, found.name, what))
    except Exception as error:
        yield unreadable(namespace, sentence(error))
        return
    yield from filter(None, told)


def _provisioned(seen: Survey, settings: Iterable[str]) -> Iterator[naming.Namespace]:
    """The namespaces whose stacks can be compared: the configuration has them, and they have a stack and a pointer."""
    configured, stacks = set(settings), {stack.name for stack in seen.of_kind("stack")}
    for namespace in compared(seen, configured):
        pointer = seen.pointer(namespace)
        if str(namespace) in configured and namespace.stack in stacks and pointer is not None and pointer.pointer:
            yield namespace


def _settings(configuration: Configuration, here: set[str]) -> dict[str, EnvironmentSettings]:
    return {
        str(naming.Namespace(naming.Tenant.parse(name), environment)): EnvironmentSettings.of(
            configuration.platforms, tenant, environment
        )
        for name, tenant in configuration.tenants.items()
        for environment, settings in tenant.environments.items()
        if settings.platform in here
    }
