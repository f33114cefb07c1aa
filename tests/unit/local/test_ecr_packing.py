"""Images: the digest is the content's alone, and what comes out is what went in."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from local.aws.ecr.packing import NotAnImage, pack, unpack


def folder(where: Path, **files: str) -> Path:
    where.mkdir(parents=True)
    (where / "image.json").write_text(json.dumps({"entrypoint": ["./run"], "command": ["all"]}))
    for name, text in files.items():
        (where / name).write_text(text)
    return where


def test_owner_times_and_order_do_not_change_the_digest(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", a="1", b="2")
    other = folder(tmp_path / "other", b="2", a="1")
    os.utime(other / "a", (1, 1))
    (other / "b").chmod(0o600)
    assert pack(one).digest == pack(other).digest


@pytest.mark.parametrize("change", ["content", "name", "mode", "link"])
def test_content_names_modes_and_links_do(tmp_path: Path, change: str) -> None:
    image = folder(tmp_path / "image", a="1")
    (image / "link").symlink_to("/usr/share/one")
    before = pack(image).digest
    if change == "content":
        (image / "a").write_text("2")
    elif change == "name":
        (image / "a").rename(image / "b")
    elif change == "mode":
        (image / "a").chmod(0o755)
    else:
        (image / "link").unlink()
        (image / "link").symlink_to("/usr/share/two")
    assert pack(image).digest != before


def test_what_was_packed_comes_out_readable_by_all(tmp_path: Path) -> None:
    image = folder(tmp_path / "image", run="#!/bin/sh\n")
    (image / "run").chmod(0o700)
    (image / "docs").mkdir(mode=0o700)
    (image / "docs" / "wordpress").symlink_to("/usr/share/wordpress")
    out = tmp_path / "out"
    out.mkdir()
    unpack(pack(image).layer, out)
    assert (out / "run").read_text() == "#!/bin/sh\n"
    assert (out / "run").stat().st_mode & 0o777 == 0o755
    assert (out / "docs").stat().st_mode & 0o777 == 0o755
    assert (out / "docs" / "wordpress").readlink() == Path("/usr/share/wordpress")


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("[]", "names no program"),
        ('{"entrypoint": []}', "names no program"),
        ('{"entrypoint": "./run"}', "names no program"),
        ('{"entrypoint": ["./run"], "command": "all"}', "list of arguments"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(tmp_path: Path, description: str | None, words: str) -> None:
    if description is not None:
        (tmp_path / "image.json").write_text(description)
    with pytest.raises(NotAnImage, match=words):
        pack(tmp_path)


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "link/inside"])
def test_nothing_is_unpacked_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo(name))
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(NotAnImage, match="cannot be unpacked"):
        unpack(buffer.getvalue(), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
