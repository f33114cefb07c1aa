"""Build an image folder: the PHP server's files, a site's files over them, a variant's over both.

The same sources give the same bytes and modes, whatever the umask, so that the digest that a registry
computes from the folder changes only when the content does.
"""

import shutil
from pathlib import Path

SOURCES = Path(__file__).parent
SITES = ("records", "wordpress")
VARIANTS = tuple(sorted(p.name for p in (SOURCES / "variants").iterdir() if p.is_dir()))

_EXECUTABLE = {"entrypoint"}
_RENAMED = {"entrypoint.py": "entrypoint"}  # a module here, so that it is checked like any other


class BuildError(Exception):
    """An image that cannot be built, or not there."""


def build(site: str, out: Path, variant: str | None = None) -> Path:
    """Make the image folder of a site.

    :param site: one of :data:`SITES`.
    :param out: the folder to make; an image folder that stands there is replaced.
    :param variant: one of :data:`VARIANTS`, an image that differs on purpose.
    :returns: `out`.
    :raises BuildError: unknown site or variant, or `out` holds something else than an image.
    """
    if site not in SITES:
        raise BuildError(f"no site {site!r}; there are {', '.join(SITES)}")
    if variant is not None and variant not in VARIANTS:
        raise BuildError(f"no variant {variant!r}; there are {', '.join(VARIANTS)}")
    _clear(out)
    layers = [SOURCES / "php", SOURCES / site]
    if variant is not None:
        layers.append(SOURCES / "variants" / variant)
    for layer in layers:
        _copy(layer, out)
    return out


def _clear(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / "image.json").is_file()):
        raise BuildError(f"{out} is there and is no image folder: name another, or remove it")
    shutil.rmtree(out)


def _copy(layer: Path, out: Path) -> None:
    _folder(out)
    for source in sorted(layer.rglob("*")):
        relative = source.relative_to(layer)
        if "__pycache__" in relative.parts or relative.name == "__init__.py":
            continue
        target = out / relative.with_name(_RENAMED.get(relative.name, relative.name))
        if source.is_dir():
            _folder(target)
        else:
            shutil.copyfile(source, target)
            target.chmod(0o755 if target.name in _EXECUTABLE else 0o644)


def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
