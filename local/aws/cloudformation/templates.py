"""What AWS refuses in a template or its parameters before it makes a stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers

from local.aws import patching


def install() -> None:
    """Refuse unknown references, circles, and parameters that the template does not have; ask for capabilities."""
    patching.require(engine, "_intrinsic_references", "_topological_sort", "validate_template_support")
    validate, resolve = engine.validate_template_support, engine._resolve_parameters

    def validate_more(
        template: dict[str, Any], conditions: dict[str, Any], params: dict[str, Any] | None = None
    ) -> None:
        validate(template, conditions, params)
        if not template.get("Transform"):
            refuse_unknown_references(template)
            engine._topological_sort(template.get("Resources", {}), conditions)

    def resolve_known(
        template: dict[str, Any], given: list[dict[str, Any]], previous: dict[str, Any] | None = None
    ) -> Any:
        unknown = sorted({str(p["Key"]) for p in given if "Key" in p} - set(template.get("Parameters", {})))
        if unknown:
            raise ValueError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        return resolve(template, given, previous)

    for module in (handlers, changesets):
        patching.replace(module, "validate_template_support", validate_more)
        patching.replace(module, "_resolve_parameters", resolve_known)
    # ministack asks for capabilities only where it also enforces IAM policies; AWS always does.
    patching.replace(handlers, "_capabilities_enforced", lambda: True)


def refuse_unknown_references(template: Mapping[str, Any]) -> None:
    """Raise ValueError, with AWS's words, if a section refers to what the template does not have."""
    resources = template.get("Resources") or {}
    known = {*resources, *(template.get("Parameters") or {})}
    for section in ("Resources", "Outputs"):
        referred = {
            name
            for part in (template.get(section) or {}).values()
            if isinstance(part, dict)
            for name, _ in engine._intrinsic_references(part)
        }
        unknown = sorted(name for name in referred - known if not name.startswith("AWS::"))
        if unknown:
            raise ValueError(
                f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] "
                f"in the {section} block of the template"
            )
