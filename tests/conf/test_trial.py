# SPDX-License-Identifier: Apache-2.0
"""`vipd -n` as root: whether this machine has what a configuration names. VIPD_BUILD names the directory of vipd; run from
the top directory."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

VIPD = os.path.abspath(os.path.join(os.environ.get("VIPD_BUILD", "build"), "vipd"))
ROUTER = 'virtual_routers = ( { interface = "eth0"; vrid = 100; addresses = [ "2001:db8::100" ]; } );\n'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look")


class Trial:
    def __init__(self, directory):
        self.directory = directory
        self.path = str(directory / "vipd.conf")

    def file(self, name, text="", mode=0o644):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def run(self, text, *before, user="nobody", groups='control = { group = "root"; };\n'):
        self.file("vipd.conf", f'{ROUTER}run_as = "{user}";\n{groups}{text}')
        return subprocess.run([*before, VIPD, "-n", "-c", self.path], capture_output=True, text=True, timeout=60)

    def warnings(self, text, *before, **more):
        done = self.run(text, *before, **more)
        assert done.returncode == 0, done.stderr
        start = f"{self.path}: warning: "
        lines = done.stderr.splitlines()
        assert all(line.startswith(start) for line in lines), done.stderr
        return [line[len(start):] for line in lines]


@pytest.fixture
def trial():
    with tempfile.TemporaryDirectory(prefix="vipd-trial-", dir="/var/lib") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)  # not only root must reach it
        yield Trial(directory)


def check(keys):
    return f'checks = ( {{ name = "c"; {keys} }} );\n'


def test_a_user_that_is_missing_is_an_error(trial):
    done = trial.run("", user="no-such-user")
    assert done.returncode == 2
    assert done.stderr == (f'{trial.path}: run_as = "no-such-user": there is no such user; create it (systemd-sysusers does, or '
                           "`useradd --system no-such-user`), or name another one\n")


def test_a_group_may_come_later(trial):
    assert trial.warnings("", groups='control = { group = "no-such-group"; admin_group = "nor-this"; };\n') == [
        'control.group = "no-such-group": there is no such group; until there is (groupadd --system no-such-group), nobody but '
        "root can ask vipctl",
        'control.admin_group = "nor-this": there is no such group; until there is (groupadd --system nor-this), nobody but root '
        "can drain or reload"]


def test_certificates_may_come_later(trial):
    there = trial.file("ca.crt")
    text = check(f'type = "https"; url = "https://[::1]/"; ca = "{there}"; cert = "/none/crt"; key = "{trial.directory}";')
    assert trial.warnings(text) == [
        'check "c": cert = "/none/crt": No such file or directory; the check fails until it can be read',
        f'check "c": key = "{trial.directory}": Is a directory; the check fails until it can be read']


def test_programs_are_those_that_the_user_can_execute(trial):
    right, closed = trial.file("right", "#!/bin/sh\n", 0o755), trial.file("closed", "#!/bin/sh\n", 0o700)
    assert trial.warnings(f'notify = "{right}";\n' + check(f'type = "exec"; command = [ "{right}" ];')) == []
    assert trial.warnings(f'notify = "/none";\n' + check(f'type = "exec"; command = [ "{closed}", "x" ];')) == [
        'notify = "/none": user nobody cannot execute it: No such file or directory; nobody is told of a transition until it can',
        f'check "c": command = "{closed}": user nobody cannot execute it: Permission denied; the check fails until it can']


def test_a_check_that_asks_the_virtual_address(trial):
    hosts = trial.file("hosts", "2001:db8::100 api.example.org\n::1 localhost this.example.org\n")
    mounted = ["unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    assert trial.warnings(check('type = "https"; url = "https://this.example.org:6443/readyz";'), *mounted) == []
    [warning] = trial.warnings(check('type = "https"; url = "https://api.example.org:6443/readyz";'), *mounted)
    assert warning.startswith('check "c": url = "https://api.example.org:6443/readyz": api.example.org is the virtual address')


def test_what_only_root_can_look_at(trial):
    copied = shutil.copy(VIPD, trial.directory)
    trial.file("vipd.conf", ROUTER + check('type = "exec"; command = [ "/none" ];'))
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copied, "-n", "-c", trial.path],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "right" in done.stdout
    assert done.stderr.splitlines() == ["vipd: whether this machine has the user, programs, certificates and keys was not checked: "
                                        "only root can look"]
