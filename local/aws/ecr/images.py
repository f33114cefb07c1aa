"""Pulling: an image reference of a task definition to the folder and the command that it stands for."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.ecr.packing import unpack

_REFERENCE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[a-z0-9][a-z0-9._/-]*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class CannotPull(RuntimeError):
    """The image cannot be had; the message is what ECS gives as the reason."""


@dataclass(frozen=True)
class Image:
    """An unpacked image: what is run, in which folder, and the digest that names it."""

    digest: str
    folder: Path
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]


class Images:
    """The images of this server's own registry, each unpacked once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        # A task's workers may run as another user than the server.
        folder.chmod(0o755)
        self._lock = threading.Lock()

    def pull(self, reference: str) -> Image:
        """The image that ``reference`` names, unpacked.

        :raises CannotPull: it is not in this server's registry
        """
        blobs, manifest, digest = _lookup(reference)
        config = json.loads(blobs[manifest["config"]["digest"]])["config"]
        folder = self._unpacked(digest, [blobs[layer["digest"]] for layer in manifest["layers"]])
        return Image(digest, folder, tuple(config.get("Entrypoint") or ()), tuple(config.get("Cmd") or ()))

    def digest(self, reference: str) -> str | None:
        """The digest that ``reference`` stands for now, or None when there is no such image."""
        try:
            return _lookup(reference)[2]
        except CannotPull:
            return None

    def _unpacked(self, digest: str, layers: list[bytes]) -> Path:
        folder = self._folder / digest.removeprefix("sha256:")
        with self._lock:
            if not folder.is_dir():
                half = Path(tempfile.mkdtemp(dir=self._folder))
                try:
                    for layer in layers:
                        unpack(layer, half)
                    half.chmod(0o755)
                    half.rename(folder)
                except BaseException:
                    shutil.rmtree(half, ignore_errors=True)
                    raise
        return folder


def _lookup(reference: str) -> tuple[dict[str, bytes], dict[str, Any], str]:
    """The repository's blobs, the manifest and its digest."""
    from ministack.services import ecr

    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise CannotPull(
            f"pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: only "
            "<account>.dkr.ecr.<region>.amazonaws.com/<repository>, with :tag or @sha256:…, can be pulled here"
        )
    scope = match["account"], match["region"], match["name"]
    wanted = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
    stored = ecr._images.get_scoped(*scope, default=[])
    image = next((image for image in stored if _is(image, wanted)), None)
    if image is None:
        raise CannotPull(
            f"pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {reference}: not found"
        )
    manifest = json.loads(image["imageManifest"])
    blobs: dict[str, bytes] = ecr._layer_blobs.get_scoped(*scope, default={})
    needed = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    if missing := [digest for digest in needed if digest not in blobs]:
        raise CannotPull(f"failed to copy {reference}: blobs {', '.join(missing)} were never pushed")
    return blobs, manifest, image["imageDigest"]


def _is(image: dict[str, Any], wanted: dict[str, str]) -> bool:
    if digest := wanted.get("imageDigest"):
        return bool(image["imageDigest"] == digest)
    return wanted["imageTag"] in image.get("imageTags", [])
