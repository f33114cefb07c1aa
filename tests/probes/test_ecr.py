"""ECR: an image is named by its digest for ever, by its tag until the tag moves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from local.aws.ecr.packing import NotAnImage
from local.aws.ecr.push import push

from tests.probes.asking import fresh, refusal
from tests.probes.conftest import Clients


@pytest.fixture(scope="module")
def ecr(aws: Clients) -> Any:
    return aws("ecr")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    image = tmp_path / "image"
    (image / "docs").mkdir(parents=True)
    (image / "run").write_text("#!/bin/sh\necho hello\n")
    (image / "run").chmod(0o755)
    (image / "docs" / "wordpress").symlink_to("/usr/share/wordpress")
    (image / "image.json").write_text(json.dumps({"entrypoint": ["./run"], "command": ["all"]}))
    return image


def test_a_pushed_image_is_found_by_digest_and_by_tag(ecr: Any, endpoint: str, folder: Path) -> None:
    name = fresh("team/app")
    digest = push(endpoint=endpoint, repository=name, tag="v1", folder=folder)
    for wanted in ({"imageDigest": digest}, {"imageTag": "v1"}):
        found = ecr.describe_images(repositoryName=name, imageIds=[wanted])["imageDetails"]
        assert [(each["imageDigest"], each["imageTags"]) for each in found] == [(digest, ["v1"])]


def test_the_manifest_says_what_is_started(ecr: Any, endpoint: str, folder: Path) -> None:
    name = fresh("app")
    digest = push(endpoint=endpoint, repository=name, tag="v1", folder=folder)
    found = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageDigest": digest}])["images"][0]
    manifest = json.loads(found["imageManifest"])
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert len(manifest["layers"]) == 1


def test_the_same_content_has_the_same_digest_and_other_content_another(endpoint: str, folder: Path) -> None:
    name = fresh("app")
    first = push(endpoint=endpoint, repository=name, tag="v1", folder=folder)
    copied = Path(shutil.copytree(folder, folder.parent / "copy", symlinks=True))
    assert push(endpoint=endpoint, repository=name, tag="v2", folder=copied) == first
    (copied / "run").write_text("#!/bin/sh\necho changed\n")
    assert push(endpoint=endpoint, repository=name, tag="v2", folder=copied) != first


def test_a_tag_moves_to_the_image_pushed_last(ecr: Any, endpoint: str, folder: Path) -> None:
    name = fresh("app")
    first = push(endpoint=endpoint, repository=name, tag="latest", folder=folder)
    (folder / "more").write_text("more")
    second = push(endpoint=endpoint, repository=name, tag="latest", folder=folder)
    found = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "latest"}])["imageDetails"]
    assert [each["imageDigest"] for each in found] == [second]
    assert ecr.describe_images(repositoryName=name, imageIds=[{"imageDigest": first}])["imageDetails"]


def test_an_image_that_is_not_there_is_refused(ecr: Any) -> None:
    name = fresh("app")
    assert refusal(ecr.describe_images, repositoryName=name) == "RepositoryNotFoundException"
    ecr.create_repository(repositoryName=name)
    wanted = [{"imageDigest": f"sha256:{'0' * 64}"}]
    assert refusal(ecr.describe_images, repositoryName=name, imageIds=wanted) == "ImageNotFoundException"


def test_a_repository_name_is_taken_once(ecr: Any) -> None:
    name = fresh("app")
    ecr.create_repository(repositoryName=name)
    assert refusal(ecr.create_repository, repositoryName=name) == "RepositoryAlreadyExistsException"


def test_a_folder_that_names_no_program_is_not_pushed(endpoint: str, folder: Path) -> None:
    (folder / "image.json").write_text("{}")
    with pytest.raises(NotAnImage, match="names no program"):
        push(endpoint=endpoint, repository=fresh("app"), tag="v1", folder=folder)
