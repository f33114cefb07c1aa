"""Image folders as OCI images: the same content gives the same bytes, and so the same digest."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DESCRIPTION = "image.json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class NotAnImage(ValueError):
    """The folder cannot be packed; the message says what is missing."""


@dataclass(frozen=True)
class Packed:
    """An image's three blobs, as a registry stores them."""

    layer: bytes
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """What names this image for ever: ``sha256:…`` of the manifest."""
        return digest_of(self.manifest)


def digest_of(blob: bytes) -> str:
    """``sha256:…`` of the blob's content."""
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def pack(folder: Path) -> Packed:
    """Pack a folder whose ``image.json`` names its entrypoint.

    :raises NotAnImage: there is no such folder, or its ``image.json`` does not say what to start
    """
    description = _described(folder)
    layer = _layer(folder)
    config = _canonical(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": description["entrypoint"], "Cmd": description.get("command", [])},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
    )
    manifest = _canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(LAYER_TYPE, layer)],
        }
    )
    return Packed(layer, config, manifest)


def unpack(layer: bytes, folder: Path) -> None:
    """Put a layer's files into an existing folder, readable by every user.

    :raises NotAnImage: a member is no file, folder or link, or would be put outside of ``folder``
    """
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for member in archive:
            # tarfile's own filters came with Python 3.11.4, and systems with 3.11.2 are about.
            _check_member(member, folder)
            archive.extract(member, folder, set_attrs=not member.issym())


def _check_member(member: tarfile.TarInfo, folder: Path) -> None:
    name = Path(member.name)
    known = member.isreg() or member.isdir() or member.issym()
    through_link = any((folder / parent).is_symlink() for parent in name.parents)
    if not known or name.is_absolute() or ".." in name.parts or through_link:
        raise NotAnImage(f"{member.name!r} of the image's layer cannot be unpacked")


def _described(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    try:
        description = json.loads(file.read_text())
    except OSError as error:
        raise NotAnImage(f"no image folder at {folder}: {file} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise NotAnImage(f"{file} is not JSON: {error}") from error
    if not isinstance(description, dict) or not _words(description.get("entrypoint")):
        raise NotAnImage(f'{file} names no program: expected {{"entrypoint": ["./program", …]}}')
    if "command" in description and not isinstance(description["command"], list):
        raise NotAnImage(f"{file}: command is {description['command']!r}, expected a list of arguments")
    return description


def _words(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


def _layer(folder: Path) -> bytes:
    buffer = io.BytesIO()
    # Uncompressed: a compressor's output differs from release to release, and with it the digest.
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).parts):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_without_owner)
    return buffer.getvalue()


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
