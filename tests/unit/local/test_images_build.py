"""The builder of the sample sites' images."""

import json
import os
from pathlib import Path

import pytest
from local.images.__main__ import main
from local.images.build import SITES, VARIANTS, BuildError, build


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file's mode and bytes, by its path in the folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mode & 0o777, path.read_bytes()) for path in files}


@pytest.mark.parametrize("site", SITES)
def test_an_image_says_how_it_is_started(tmp_path: Path, site: str) -> None:
    image = build(site, tmp_path / "image")
    assert json.loads((image / "image.json").read_text())["entrypoint"] == ["./entrypoint"]
    assert os.access(image / "entrypoint", os.X_OK)
    assert not list(image.rglob("__init__.py"))


@pytest.mark.parametrize("site", SITES)
def test_the_same_sources_give_the_same_image_whatever_the_umask(tmp_path: Path, site: str) -> None:
    first = contents(build(site, tmp_path / "first"))
    before = os.umask(0o077)
    try:
        second = contents(build(site, tmp_path / "second"))
    finally:
        os.umask(before)
    assert first == second


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_differs_in_one_file(tmp_path: Path, variant: str) -> None:
    plain = contents(build("wordpress", tmp_path / "plain"))
    varied = contents(build("wordpress", tmp_path / "varied", variant))
    assert plain.keys() == varied.keys()
    assert len([name for name in plain if plain[name] != varied[name]]) == 1


def test_an_image_is_replaced_and_keeps_nothing(tmp_path: Path) -> None:
    image = build("wordpress", tmp_path / "image")
    (image / "left-over").touch()
    assert "left-over" not in contents(build("records", image))


def test_a_folder_that_is_no_image_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(BuildError, match="no image folder"):
        build("records", tmp_path)
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("arguments", [["joomla", "OUT"], ["records", "OUT", "--variant", "odd"]])
def test_an_unknown_name_is_answered_with_the_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    arguments = [str(tmp_path / "image") if word == "OUT" else word for word in arguments]
    assert main(["build", *arguments]) == 1
    said = capsys.readouterr().err
    assert "there are" in said
    assert not (tmp_path / "image").exists()
