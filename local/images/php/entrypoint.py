#!/usr/bin/env python3
"""Entrypoint of a PHP image.

    entrypoint              serve the site on $SNAPLIFT_TASK_ADDRESS:$SITE_PORT until SIGTERM
    entrypoint NAME ...     run the image's commands/NAME.php
    entrypoint PROGRAM ...  run any other program, in the image's folder

All settings come from the environment. Runs as root (the workers are then www-data's) or as anybody.
Only the standard library, and nothing newer than Python 3.9: it runs by whatever python3 the system has.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

GRACE = 20  # seconds that requests in flight have after SIGTERM
WORKER = "www-data"
NEED = ("DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD", "SITE_URL")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
EXIT_USAGE = 2

Child = subprocess.Popen[bytes]


def main(argv: list[str]) -> int:
    """Do what the arguments say; the exit status is the server's or the command's."""
    image = Path(__file__).resolve().parent
    command = image / "commands" / f"{argv[0]}.php" if argv else None
    if argv and not (command and command.is_file()):
        return execute(image, argv)
    site = json.loads((image / "site.json").read_text())
    missing = [name for name in (*NEED, *site["need"]) if not os.environ.get(name)]
    if missing:
        print(f"entrypoint: the task's environment lacks {', '.join(missing)}", file=sys.stderr)
        return EXIT_USAGE
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # from here on they are waited for, none is lost
    sweep()
    run = Path(tempfile.mkdtemp(prefix=f"site-{os.getpid()}-"))
    try:
        lay_out(image, run, site.get("over"))
        if command is None:
            return serve(run)
        return finish(spawn(php(run, f"commands/{command.name}", argv[1:]), run, php_environment(run)))
    finally:
        shutil.rmtree(run, ignore_errors=True)


def execute(image: Path, argv: list[str]) -> int:
    """Become another program; return only if there is none of that name."""
    os.chdir(image)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - the task's own command
    except OSError as error:
        own = ", ".join(sorted(p.stem for p in (image / "commands").glob("*.php")))
        print(f"entrypoint: {argv[0]}: {error.strerror}; this image's commands: {own}", file=sys.stderr)
        return 127


def sweep() -> None:
    """Remove the folders of entrypoints that were killed, which could not do so themselves."""
    for folder in Path(tempfile.gettempdir()).glob("site-*-*"):
        process = folder.name.split("-")[1]
        if process.isdecimal() and not Path("/proc", process).exists():
            shutil.rmtree(folder, ignore_errors=True)


def lay_out(image: Path, run: Path, over: str | None) -> None:
    """Make the folder that is served: the image's files, over those that its distribution's package has.

    A copy, because the workers cannot read an image that lies below somebody's home.
    """
    run.chmod(0o711)
    site = run / "site"
    shutil.copytree(image, site, copy_function=shutil.copyfile)
    for path in (site, *site.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if over is not None:
        link_missing(Path(over), site / "docroot")


def link_missing(source: Path, target: Path) -> None:
    """Link into `target` everything of `source` that it does not have itself."""
    for theirs in source.iterdir():
        ours = target / theirs.name
        if not ours.exists():
            ours.symlink_to(theirs)
        elif ours.is_dir() and theirs.is_dir():
            link_missing(theirs, ours)


def serve(run: Path) -> int:
    """Run php-fpm and nginx until a signal (0) or until one of them ends by itself (1)."""
    render(run / "site/php-fpm.conf", run / "php-fpm.conf", values := server_values(run))
    render(run / "site/nginx.conf", run / "nginx.conf", values)
    fpm = spawn([php_fpm(), "-F", "-O", "-y", str(run / "php-fpm.conf")], run, php_environment(run))
    nginx = spawn(nginx_command(run), run, {"PATH": PATH})
    print(f"serving {os.environ['SITE_URL']} on {values['listen']}", flush=True)
    try:
        asked = wait_for_signal_or_end((fpm, nginx))
        print("draining" if asked else "a server ended by itself", flush=True)
    finally:
        drain((nginx, fpm))  # the front first: no new request reaches a php-fpm that is closing
    return 0 if asked else 1


def server_values(run: Path) -> dict[str, str]:
    """Return what the servers' configuration files leave open."""
    root = os.geteuid() == 0
    address = os.environ.get("SNAPLIFT_TASK_ADDRESS", "127.0.0.1")
    group = f"listen.owner = {WORKER}\nlisten.group = {WORKER}" if root else ""
    return {
        "run": str(run),
        "site": str(run / "site"),
        "grace": str(GRACE),
        "listen": f"{address}:{os.environ.get('SITE_PORT', '8080')}",
        "access_log": access_log(),
        "build": (run / "site/build.txt").read_text().strip(),
        "nginx_user": f"user {WORKER};" if root else "",
        "fpm_user": f"user = {WORKER}\ngroup = {WORKER}\n{group}" if root else "",
    }


def access_log() -> str:
    """Return standard output where it can be opened again (not a socket, nor another user's file)."""
    try:
        os.close(os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK))
    except OSError:
        return "off"
    return "/dev/stdout"


def render(source: Path, target: Path, values: Mapping[str, str]) -> None:
    """Write a configuration file, its @NAMES@ filled in (dollars and braces are nginx's own)."""
    target.write_text(re.sub(r"@(\w+)@", lambda found: values[found[1]], source.read_text()))


def php(run: Path, script: str, arguments: Iterable[str]) -> list[str]:
    """Return the command that runs a script of the site, without the time limits that a page has."""
    long_reads = ["-d", "mysqlnd.net_read_timeout=3600", "-d", "display_errors=stderr"]
    return ["php", *long_reads, "-f", str(run / "site" / script), "--", *arguments]


def php_environment(run: Path) -> dict[str, str]:
    """Return the task's environment; the site's own php.ini comes after the distribution's."""
    own = {"SITE_ROOT": f"{run}/site", "PHP_INI_SCAN_DIR": f":{run}/site/php.d"}
    return {"PATH": PATH, **os.environ, **own}


def php_fpm() -> str:
    """Return the newest php-fpm that has a MySQL driver; its name carries the version.

    :raises FileNotFoundError: there is none.
    """
    found = []
    for path in Path("/usr/sbin").glob("php-fpm[0-9]*"):
        version = path.name[len("php-fpm") :]
        if any(Path(f"/etc/php/{version}/fpm/conf.d").glob("*mysqli.ini")):
            found.append(([int(part) for part in version.split(".")], str(path)))
    if not found:
        raise FileNotFoundError("no /usr/sbin/php-fpm<version> with mysqli: install php-fpm and php-mysql")
    return max(found)[1]


def nginx_command(run: Path) -> list[str]:
    """Return nginx's command; before 1.19.5 it has no -e, and complains of a log it may not open."""
    version = subprocess.run(["nginx", "-v"], env={"PATH": PATH}, capture_output=True, text=True, check=True)
    numbers = [int(number) for number in re.findall(r"\d+", version.stderr)[:3]]
    log = ["-e", "stderr"] if numbers >= [1, 19, 5] else []
    return ["nginx", *log, "-p", str(run), "-c", str(run / "nginx.conf")]


def spawn(command: list[str], cwd: Path, environment: Mapping[str, str]) -> Child:
    """Start a program in a process group of its own that gets SIGTERM when this process dies."""
    program = shutil.which(command[0], path=PATH)
    if program is None:
        raise FileNotFoundError(f"{command[0]} is not installed")
    return subprocess.Popen(
        [program, *command[1:]], cwd=cwd, env=environment, start_new_session=True, preexec_fn=_in_child
    )


def _in_child() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def wait_for_signal_or_end(children: Iterable[Child]) -> bool:
    """Wait; True when asked to end, False when a child ended by itself."""
    while all(child.poll() is None for child in children):
        if signal.sigwait(WATCHED) != signal.SIGCHLD:
            return True
    return False


def finish(child: Child) -> int:
    """Wait for a command, handing signals on to it; its exit status, 128 + n if a signal ended it."""
    while (status := child.poll()) is None:
        if (received := signal.sigwait(WATCHED)) != signal.SIGCHLD:
            child.send_signal(received)
    return status if status >= 0 else 128 - status


def drain(children: Iterable[Child]) -> None:
    """Let each finish its requests (QUIT), then leave no process of any of them."""
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGQUIT)
            try:
                child.wait(GRACE + 2)
            except subprocess.TimeoutExpired:
                child.terminate()
    for child in children:  # workers outlive a master that was killed; they are in its process group
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
