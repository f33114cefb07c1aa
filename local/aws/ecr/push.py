"""Pushes an image folder into ECR, over the same registry protocol as ``docker push``."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from local.aws.ecr.packing import MANIFEST_TYPE, digest_of, pack

_SECONDS = 60
_REGION = "us-east-1"


class PushRefused(RuntimeError):
    """The registry did not take the image; the message says which part and why."""


def push(endpoint: str, repository: str, tag: str, folder: Path) -> str:
    """Pack ``folder``, put it into ``repository`` (made if it is not there) and return its ``sha256:…``.

    :raises NotAnImage: the folder cannot be packed
    :raises PushRefused: the registry refused it
    """
    image = pack(folder)
    registry = _Registry(endpoint, _repository_uri(endpoint, repository))
    for blob in (image.layer, image.config):
        registry.put_blob(blob)
    registry.put_manifest(tag, image.manifest)
    return image.digest


def _repository_uri(endpoint: str, name: str) -> str:
    import boto3

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _REGION
    named = "AWS_ACCESS_KEY_ID" in os.environ or "AWS_PROFILE" in os.environ
    session = boto3.Session(
        aws_access_key_id=None if named else "000000000000",
        aws_secret_access_key=None if named else "laptop",
        region_name=region,
    )
    ecr = session.client("ecr", endpoint_url=endpoint)
    try:
        return str(ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"])
    except ecr.exceptions.RepositoryAlreadyExistsException:
        found = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
        return str(found["repositoryUri"])


class _Registry:
    """One repository behind an endpoint that serves several registries, told apart by the Host header."""

    def __init__(self, endpoint: str, uri: str) -> None:
        self._host, _, self._name = uri.partition("/")
        self._base = endpoint.rstrip("/")

    def put_blob(self, blob: bytes) -> None:
        started = self._call("POST", f"{self._base}/v2/{self._name}/blobs/uploads/", b"")
        session = urljoin(self._base, started.headers["Location"])
        self._call("PUT", f"{session}?digest={digest_of(blob)}", blob, "application/octet-stream")

    def put_manifest(self, tag: str, manifest: bytes) -> None:
        self._call("PUT", f"{self._base}/v2/{self._name}/manifests/{tag}", manifest, MANIFEST_TYPE)

    def _call(self, method: str, url: str, body: bytes, content_type: str = "text/plain") -> Any:
        headers = {"Host": self._host, "Content-Type": content_type, "Content-Length": str(len(body))}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  (the endpoint given)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                return answer
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise PushRefused(f"{method} {url} was answered {error.code}: {said}") from error
