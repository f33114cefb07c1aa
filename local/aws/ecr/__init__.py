"""ECR: images are folders, packed as OCI images and kept by digest in ministack's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.aws import patching

if TYPE_CHECKING:
    from local.aws.server import Server


def install(server: Server) -> None:  # noqa: ARG001  (the registry needs nothing of the server)
    """Close ministack's gaps in ECR that the product meets."""
    from ministack.core.responses import error_response_json
    from ministack.services import ecr

    patching.require(ecr, "_repositories", "_images", "_layer_blobs", "_find_image")
    describe = ecr._describe_images

    def describe_images(data: dict[str, Any]) -> Any:
        """AWS answers ImageNotFoundException for an image that was named and is not there."""
        name = data.get("repositoryName", "")
        for wanted in data.get("imageIds") or []:
            if name in ecr._repositories and ecr._find_image(name, wanted) is None:
                return error_response_json(
                    "ImageNotFoundException",
                    f"The image with imageId {wanted} does not exist within the repository with name '{name}'",
                    400,
                )
        return describe(data)

    patching.replace(ecr, "_describe_images", describe_images)
