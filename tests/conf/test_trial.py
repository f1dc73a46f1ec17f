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
ROUTER = 'virtual_routers = ( { interface = "lo"; vrid = 100; addresses = [ "2001:db8::100" ]; %s} );\n'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look")


def router(text):
    return ROUTER % ('checks = [ "c" ]; ' if "checks =" in text else "")


class Trial:
    def __init__(self, directory):
        self.directory = directory
        self.path = str(directory / "vipd.conf")

    def file(self, name, text="", mode=0o644):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def run(self, text, *before, routers=None, user="nobody", groups='control = { group = "root"; };\n'):
        self.file("vipd.conf", f'{routers or router(text)}run_as = "{user}";\n{groups}{text}')
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


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def control(path):
    return f'control = {{ group = "root"; socket = "{path}"; }};\n'


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


def test_what_else_is_to_be_said_is_said_with_an_error(trial):
    done = trial.run('record_dir = "/none/captures";\n', user="no-such-user")
    assert done.returncode == 2 and "there is no such user" in done.stderr
    assert f'{trial.path}: warning: record_dir = "/none/captures": ' in done.stderr


def test_certificates_may_come_later(trial):
    there = trial.file("ca.crt", CERTIFICATE)
    text = check(f'type = "https"; url = "https://[::1]/"; ca = "{there}"; cert = "/none/crt"; key = "{trial.directory}";')
    odd = check('type = "https"; url = "https://[::1]/"; ca = "/dev/zero";')
    assert trial.warnings(odd) == ['check "c": ca = "/dev/zero": it is not a regular file; the check fails until it can be read']
    assert trial.warnings(text) == [
        'check "c": cert = "/none/crt": No such file or directory; the check fails until it can be read',
        f'check "c": key = "{trial.directory}": Is a directory; the check fails until it can be read']


def test_what_a_file_holds(trial):
    text, empty = trial.file("text", "root:x:0:0"), trial.file("empty")
    keys = f'type = "https"; url = "https://[::1]/"; ca = "{text}"; cert = "{empty}"; key = "{text}";'
    assert trial.warnings(check(keys)) == [
        f'check "c": ca = "{text}": there is no certificate (PEM) in it; the check fails until there is one',
        f'check "c": cert = "{empty}": there is no certificate (PEM) in it; the check fails until there is one',
        f'check "c": key = "{text}": there is no private key (PEM) in it; the check fails until there is one']


def test_what_publish_needs(trial):
    tsig, empty = trial.file("tsig", 'key "a" { algorithm hmac-sha256; secret "c2VjcmV0"; };'), trial.file("empty")
    dns = 'type = "dns"; server = "[::1]:53"; zone = "k8s.example"; name = "api"'
    assert trial.warnings(f'publish = ( {{ {dns}; key = "{tsig}"; }}, {{ {dns}; }} );') == []
    until = "nothing is published there until"
    assert trial.warnings(f'''publish = (
        {{ {dns}; key = "/none"; }}, {{ {dns}; key = "{empty}"; }},
        {{ type = "endpoints"; ca = "/none"; token = "{empty}"; }},
        {{ type = "endpointslice"; cert = "{trial.directory}"; key = "{tsig}"; }} );''') == [
        f'publish[0] (dns): key = "/none": No such file or directory; {until} it can be read',
        f'publish[1] (dns): key = "{empty}": there is no key of BIND (as tsig-keygen makes it) in it; {until} there is one',
        f'publish[2] (endpoints): ca = "/none": No such file or directory; {until} it can be read',
        f'publish[2] (endpoints): token = "{empty}": there is no token in it; {until} there is one',
        f'publish[3] (endpointslice): cert = "{trial.directory}": Is a directory; {until} it can be read',
        f'publish[3] (endpointslice): key = "{tsig}": there is no private key (PEM) in it; {until} there is one']


def test_what_vipd_makes(trial):
    """Without its socket it does not start; captures it can do without. /run/vipd is made by the unit."""
    file, directory = trial.file("file"), trial.directory
    for path in ("/run/vipd/none.sock", f"{directory}/vipd.sock", file):
        assert trial.warnings(f'record_dir = "{directory}/captures";\n', groups=control(path)) == []
    for path, why in ((str(directory), "Is a directory"), (f"{directory}/none/vipd.sock", "No such file or directory"),
                      (f"{file}/vipd.sock", "Not a directory"), ("/run/vipd/none/vipd.sock", "No such file or directory")):
        done = trial.run("", groups=control(path))
        assert done.returncode == 2 and f'control.socket = "{path}": vipd cannot make this socket: {why}; its directory' in done.stderr
    for path, why in ((file, "Not a directory"), (f"{directory}/none/captures", "No such file or directory")):
        assert trial.warnings(f'record_dir = "{path}";\n') == [
            f'record_dir = "{path}": it cannot be made: {why}; no capture file is written until it can']


def test_what_is_looked_for_must_be_in_sight(trial):
    closed = trial.directory / "closed"
    closed.mkdir(mode=0o700)
    assert trial.warnings(check('type = "file"; path = "/run/none/maintenance";')) == []  # it comes and goes
    for keys in ('type = "file"; path', 'type = "process"; pid_file'):
        assert trial.warnings(check(f'{keys} = "{closed}/a";')) == [
            f'check "c": {keys.split()[-1]} = "{closed}/a": user nobody cannot look for it: Permission denied; '
            "the check fails until it can"]


def test_programs_are_those_that_the_user_can_execute(trial):
    right, closed = trial.file("right", "#!/bin/sh\n", 0o755), trial.file("closed", "#!/bin/sh\n", 0o700)
    assert trial.warnings(f'notify = "{right}";\n' + check(f'type = "exec"; command = [ "{right}" ];')) == []
    assert trial.warnings(f'notify = "/none";\n' + check(f'type = "exec"; command = [ "{closed}", "x" ];')) == [
        'notify = "/none": user nobody cannot execute it: No such file or directory; nobody is told of a transition until it can',
        f'check "c": command = "{closed}": user nobody cannot execute it: Permission denied; the check fails until it can']
    assert trial.warnings(check(f'type = "exec"; command = [ "{trial.directory}" ];')) == [
        f'check "c": command = "{trial.directory}": user nobody cannot execute it: Is a directory; the check fails until it can']


def test_scripts_are_those_that_the_user_can_read(trial):
    there = trial.file("there")
    for words in (f'"/bin/sh", "{there}"', '"/bin/sh", "-c", "/none"', '"/bin/true", "/none"', f'"/usr/bin/env", "bash", "{there}", "/none"'):
        assert trial.warnings(check(f'type = "exec"; command = [ {words} ];')) == []
    closed = trial.file("closed", mode=0o600)
    for words, path, why in (('"/bin/sh", "/none"', "/none", "No such file or directory"),
                             (f'"/usr/bin/env", "bash", "{closed}"', closed, "Permission denied")):
        assert trial.warnings(check(f'type = "exec"; command = [ {words} ];')) == [
            f'check "c": command = … "{path}": user nobody cannot read it: {why}; the check fails until it can']


def test_a_pid_file_is_a_file(trial):
    assert trial.warnings(check('type = "process"; pid_file = "/run/none.pid";')) == []
    assert trial.warnings(check('type = "file"; path = "/etc";')) == []
    assert trial.warnings(check('type = "process"; pid_file = "/etc";')) == [
        'check "c": pid_file = "/etc": it is a directory; write the file with the number of the process']


def test_interfaces_and_addresses_may_come_later(trial):
    more = 'track_interfaces = [ "bond9" ]; source = "2001:db8::9"; peers = [ "2001:db8::8" ]; '
    assert trial.warnings("") == []
    assert trial.warnings("", routers=ROUTER % more) == [
        'virtual router vr100: track_interfaces = "bond9": there is no such interface yet; it is unhealthy until there is one (`ip -br link` lists them)',
        'virtual router vr100: source = "2001:db8::9": lo does not have it yet; it is in fault until it has (`ip -br address` lists them)']
    assert trial.warnings("", routers=ROUTER.replace('"lo"', '"nosuch0"') % more) == [
        'virtual router vr100: interface = "nosuch0": there is no such interface yet; it is in fault until there is one (`ip -br link` lists them)',
        'virtual router vr100: track_interfaces = "bond9": there is no such interface yet; it is unhealthy until there is one (`ip -br link` lists them)']


def test_a_check_that_asks_the_virtual_address(trial):
    hosts = trial.file("hosts", "2001:db8::100 api.example.org\n::1 localhost this.example.org\n")
    mounted = ["unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    assert trial.warnings(check('type = "https"; url = "https://this.example.org:6443/readyz";'), *mounted) == []
    [warning] = trial.warnings(check('type = "exec"; command = [ "/bin/true", "https://api.example.org:6443/readyz" ];'), *mounted)
    assert warning.startswith('check "c": command = "https://api.example.org:6443/readyz": api.example.org is the virtual address')
    [warning] = trial.warnings(check('type = "https"; url = "https://api.example.org:6443/readyz";'), *mounted)
    assert warning.startswith('check "c": url = "https://api.example.org:6443/readyz": api.example.org is the virtual address')


def test_what_only_root_can_look_at(trial):
    copied = shutil.copy(VIPD, trial.directory)
    trial.file("vipd.conf", router("checks =") + check('type = "exec"; command = [ "/none" ];'))
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copied, "-n", "-c", trial.path],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "right" in done.stdout
    assert done.stderr.splitlines() == ["vipd: whether this machine has the user, programs, certificates and keys was not checked: "
                                        "only root can look"]
