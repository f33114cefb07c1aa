"""Installing the system packages, on a machine below a folder of the test's own."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from local.setup import apt, machine, needs
from local.setup.__main__ import REPOSITORY, main
from local.setup.machine import Done, Machine

FILES = {
    "python3": ("usr/bin/python3",),
    "nginx": ("usr/sbin/nginx",),
    "php": ("usr/bin/php",),
    "php8.2-fpm": ("usr/sbin/php-fpm8.2",),
    "php-mysql": ("etc/php/8.2/fpm/conf.d/20-mysqli.ini",),
    "wordpress": ("usr/share/wordpress/wp-load.php",),
    "wordpress-theme-twentyx": ("usr/share/wordpress/wp-content/themes/twentyx/style.css",),
    "mariadb-server": ("usr/sbin/mariadbd", "usr/bin/mariadb-install-db"),
    "mariadb-backup": ("usr/bin/mariadb-backup",),
    "haproxy": ("usr/sbin/haproxy",),
}
FILES_FOR_CHAOS = {"postgresql": ("usr/lib/postgresql/15/bin/initdb",)}
POLICY = "usr/sbin/policy-rc.d"


class Debian(Machine):
    """A Debian without anything of ours, whose apt-get installs what `FILES` says."""

    def __init__(self, root: Path, programs: tuple[str, ...] = ("apt-get", "systemctl")) -> None:
        super().__init__(root)
        self.commands: list[tuple[str, ...]] = []
        self.lists = True
        self.planned = ""  # lines that apt-get's simulation says besides
        self.failures: list[str] = []  # outputs of the next installations that fail
        self.root_user, self.sudo, self.terminal = True, False, False
        self.policy_while_installing = ""
        self.interrupt = False
        (root / "usr/sbin").mkdir(parents=True)
        for program in programs:
            self.put(f"usr/bin/{program}")

    def put(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def is_root(self) -> bool:
        return self.root_user

    def can_ask(self) -> bool:
        return self.terminal

    def run(self, *command: str) -> Done:
        self.commands.append(command)
        match command:
            case ("apt-cache", "depends", "php-fpm"):
                return Done(0, "php-fpm\n  Depends: php8.2-fpm\n" if self.lists else "")
            case ("apt-cache", "depends", "wordpress"):
                return Done(0, "  Recommends: wordpress-theme-twentyx\n" if self.lists else "")
            case ("apt-get", "install", *_):
                if not self.lists:
                    return Done(100, "E: Unable to locate package nginx")
                new = [f"Inst {name} (1.0 Debian)" for name in command if name in FILES | FILES_FOR_CHAOS]
                return Done(0, "\n".join([*new, self.planned]))
            case ("dpkg", "-L", name):
                return Done(0, f"/usr/sbin/{name}\n/lib/systemd/system/{name}.service\n/etc/init.d/{name}\n")
            case ("sudo", "-n", "true"):
                return Done(0 if self.sudo else 1, "")
        return Done(0, "")

    def run_long(self, *command: str) -> Done:
        self.commands.append(command)
        if command[1] == "update":
            self.lists = True
            return Done(0, "")
        self.policy_while_installing = (self.root / POLICY).read_text()
        if self.interrupt:
            raise KeyboardInterrupt
        if self.failures:
            return Done(100, self.failures.pop())
        for name in command:
            for path in (FILES | FILES_FOR_CHAOS).get(name, ()):
                self.put(path)
        return Done(0, "")

    def become(self, *command: str) -> int:
        self.commands.append(command)
        return 0

    def verbs(self) -> list[str]:
        """The changing commands that ran."""
        return [words[1] for words in self.commands if words[0] == "apt-get" and "--simulate" not in words]


@pytest.fixture
def debian(tmp_path: Path) -> Debian:
    return Debian(tmp_path)


def complete(debian: Debian) -> None:
    for paths in FILES.values():
        for path in paths:
            debian.put(path)


def test_a_machine_that_has_all_is_left_alone(debian: Debian) -> None:
    complete(debian)
    assert main([], debian) == 0
    assert debian.commands == []


@pytest.mark.parametrize("package", FILES)
def test_only_what_is_missing_is_installed(debian: Debian, package: str) -> None:
    complete(debian)
    for path in FILES[package]:
        (debian.root / path).unlink()
    assert main([], debian) == 0
    installed = {word for command in debian.commands if command[0] == "apt-get" for word in command} & set(FILES)
    assert package in installed <= {package, "php", "php8.2-fpm"}
    assert needs.missing(debian) == []


def test_what_only_chaos_needs_is_installed_for_it_alone(debian: Debian) -> None:
    complete(debian)
    assert main(["--chaos", "--check"], debian) == 3
    assert main(["--chaos"], debian) == 0
    (installing,) = [command for command in debian.commands if command[:2] == ("apt-get", "install")][1:]
    assert installing[-1] == "postgresql"
    assert not set(FILES) & set(installing)
    assert main(["--chaos"], debian) == 0
    assert debian.verbs() == ["install"]


def test_without_root_what_only_chaos_needs_is_asked_for_and_told_too(
    debian: Debian, capsys: pytest.CaptureFixture[str]
) -> None:
    complete(debian)
    debian.root_user = False
    assert main(["--chaos"], debian) == 3
    assert f"sudo {sys.executable} -m local.setup --chaos" in capsys.readouterr().err
    debian.put("usr/bin/sudo")
    debian.sudo = True
    assert main(["--chaos"], debian) == 0
    assert debian.commands[-1][-2:] == ("local.setup", "--chaos")


def test_everything_is_installed_under_the_names_of_this_release_without_an_update(debian: Debian) -> None:
    assert main([], debian) == 0
    assert debian.verbs() == ["install"]
    (installing,) = [command for command in debian.commands if command[:2] == ("apt-get", "install")][1:]
    assert set(FILES) <= set(installing)


def test_lists_are_fetched_only_where_there_are_none(debian: Debian) -> None:
    debian.lists = False
    assert main([], debian) == 0
    assert debian.verbs() == ["update", "install"]


def test_lists_that_are_out_of_date_are_fetched_and_the_installation_repeated(debian: Debian) -> None:
    debian.failures = ["E: Failed to fetch http://mirror.example.com/nginx.deb  404  Not Found"]
    assert main([], debian) == 0
    assert debian.verbs() == ["install", "update", "install"]


def test_no_service_may_start_and_the_machines_own_policy_comes_back(debian: Debian) -> None:
    own = debian.put(POLICY, "#!/bin/sh\nexit 104\n")
    own.chmod(0o700)
    assert main([], debian) == 0
    ran = debian.put("policy", debian.policy_while_installing)
    assert subprocess.run(["sh", str(ran), "nginx", "start"]).returncode == 101
    assert (own.read_text(), own.stat().st_mode & 0o777) == ("#!/bin/sh\nexit 104\n", 0o700)


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 104\n"])
def test_the_policy_is_put_back_after_a_failure_and_after_an_interrupt(
    debian: Debian, before: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if before is not None:
        debian.put(POLICY, before)
    debian.failures = ["E: dpkg was interrupted"]
    assert main([], debian) == 1
    assert "dpkg was interrupted" in capsys.readouterr().err
    debian.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        main([], debian)
    policy = debian.root / POLICY
    assert (policy.read_text() if policy.exists() else None) == before


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 104\n"])
def test_what_a_killed_installation_left_is_put_right_by_the_next(debian: Debian, before: str | None) -> None:
    debian.put(POLICY, f"#!/bin/sh\n{apt.MARK}\nexit 101\n")
    if before is not None:
        debian.put(apt.SAVED, before)
    assert main([], debian) == 0
    policy = debian.root / POLICY
    assert (policy.read_text() if policy.exists() else None) == before
    assert not (debian.root / apt.SAVED).exists()


def test_new_services_are_left_disabled(debian: Debian) -> None:
    assert main([], debian) == 0
    (disabled,) = [command for command in debian.commands if command[:2] == ("systemctl", "disable")]
    assert {"nginx.service", "mariadb-server.service", "haproxy.service"} <= set(disabled)


def test_without_systemd_new_services_are_disabled_too(tmp_path: Path) -> None:
    debian = Debian(tmp_path, ("apt-get", "update-rc.d"))
    assert main([], debian) == 0
    assert ("update-rc.d", "nginx", "disable") in debian.commands


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        ("Inst libapache2-mod-php8.2 (8.2 Debian)", "Apache"),
        ("Inst apache2-bin (2.4 Debian)", "Apache"),
        ("Remv yaws [2.1]", "remove yaws"),
        ("Inst mariadb-server [10.6] (10.11 Debian)", "upgrade mariadb-server"),
    ],
)
def test_what_would_touch_the_machines_own_services_is_refused(
    debian: Debian, capsys: pytest.CaptureFixture[str], planned: str, said: str
) -> None:
    debian.planned = planned
    assert main([], debian) == 1
    assert debian.verbs() == []
    assert said in capsys.readouterr().err


def test_without_root_and_without_sudo_one_message_says_what_to_do(
    debian: Debian, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.root_user = False
    assert main([], debian) == 3
    said = capsys.readouterr().err
    assert "missing on this machine: python3, nginx, PHP, " in said
    assert f"cd {REPOSITORY} && sudo {sys.executable} -m local.setup" in said
    assert "php8.2-fpm" in said
    assert debian.verbs() == []


@pytest.mark.parametrize(
    ("without_password", "terminal", "beginning"),
    [(True, False, ["sudo", "-n", "--"]), (True, True, ["sudo", "-n", "--"]), (False, True, ["sudo", "--"])],
)
def test_without_root_sudo_does_it(
    tmp_path: Path, without_password: bool, terminal: bool, beginning: list[str]
) -> None:
    debian = Debian(tmp_path, ("apt-get", "sudo"))
    debian.root_user, debian.sudo, debian.terminal = False, without_password, terminal
    assert main([], debian) == 0
    assert debian.commands[-1] == (*beginning, sys.executable, "-B", "-m", "local.setup")


def test_with_nobody_to_type_a_password_sudo_is_not_waited_for(tmp_path: Path) -> None:
    debian = Debian(tmp_path, ("apt-get", "sudo"))
    debian.root_user = False
    assert main([], debian) == 3


def test_another_distribution_is_told_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], Debian(tmp_path, ())) == 3
    said = capsys.readouterr().err
    assert "HAProxy" in said
    assert "no apt-get" in said


def test_check_changes_nothing(debian: Debian) -> None:
    assert main(["--check"], debian) == 3
    assert debian.verbs() == []


def test_what_is_still_missing_afterwards_is_a_failure(
    debian: Debian, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(FILES, "haproxy")
    assert main([], debian) == 1
    assert "HAProxy is still not there" in capsys.readouterr().err


def test_a_long_program_shows_that_it_is_at_work_and_is_not_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "SIGN_OF_LIFE", 0.05)
    gate = tmp_path / "gate"
    threading.Timer(0.3, gate.touch).start()
    done = Machine(tmp_path).run_long("sh", "-c", f"until [ -e {gate} ]; do sleep 0.02; done; echo all; exit 4")
    assert done == Done(4, "all\n")
    assert "sh is at work" in capsys.readouterr().out


def test_an_interrupt_is_raised_when_the_program_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = tmp_path / "ended"
    wait, interrupts = subprocess.Popen.wait, iter([KeyboardInterrupt()])

    def interrupted_wait(process: "subprocess.Popen[bytes]", timeout: float | None = None) -> int:
        if (interrupt := next(interrupts, None)) is not None:
            raise interrupt
        return wait(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted_wait)
    with pytest.raises(KeyboardInterrupt):
        Machine(tmp_path).run_long("sh", "-c", f"sleep 0.2; touch {ended}")
    assert ended.exists()
