# SPDX-License-Identifier: Apache-2.0
"""`vipctl import`: for each NAME.conf in tests/conf/keepalived, what it prints is NAME.vipd and what it says is NAME.notes; and
vipd takes what it prints. UPDATE=1 writes them anew. VIPD_BUILD names the directory of the programs."""

import os
import pathlib
import subprocess

import pytest

BUILD = os.path.abspath(os.environ.get("VIPD_BUILD", "build"))
HERE = pathlib.Path(__file__).parent.resolve() / "keepalived"
NAMES = sorted(path.stem for path in HERE.glob("*.conf"))
NOT_YET = "What is printed is not right yet; mend these lines of it:\n"


def vipctl_import(path, *options, cwd=HERE):
    return subprocess.run([f"{BUILD}/vipctl", "import", *options, str(path)], capture_output=True, text=True, timeout=30, cwd=cwd)


def vipd_errors(text, directory):
    path = directory / "vipd.conf"
    path.write_text(text + 'run_as = "root";\n')
    done = subprocess.run([f"{BUILD}/vipd", "-n", "-c", path], capture_output=True, text=True, timeout=30)
    return "" if done.returncode == 0 else done.stderr


def same(path, text):
    if os.environ.get("UPDATE"):
        path.write_text(text)
    assert text == path.read_text(), path


@pytest.mark.parametrize("name", NAMES)
def test_what_people_publish(name, tmp_path):
    done = vipctl_import(f"{name}.conf", "--config-id", "node1")
    notes, _, errors = done.stderr.replace(str(HERE), "HERE").partition(NOT_YET)
    same(HERE / f"{name}.vipd", done.stdout.replace(str(HERE), "HERE"))
    same(HERE / f"{name}.notes", notes)
    assert done.returncode == 0 and not errors and not vipd_errors(done.stdout, tmp_path), errors


def test_there_are_enough_of_them():
    assert len(NAMES) >= 12


def fails(tmp_path, text, complaint):
    path = tmp_path / "keepalived.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = vipctl_import(path)
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


def test_what_does_not_end(tmp_path):
    fails(tmp_path, f"include {tmp_path}/keepalived.conf\n", "files include each other without end")
    fails(tmp_path, "$A=$A $A\n$A\n", "definitions stand for one another without end")
    fails(tmp_path, "$A=" + "x" * 100000 + "\n" + "$A $A\n" * 20, "more than 1 MiB")
    fails(tmp_path, "x\n" * 600000, "more than 1 MiB")
    fails(tmp_path, "include /" + "{a,b}" * 40 + "\n", "too many * or {")
    fails(tmp_path, "a {\n" * 100, "nested too deeply")


def test_what_is_not_one(tmp_path):
    fails(tmp_path, "", "there is no vrrp_instance in it")
    fails(tmp_path, b"vrrp_instance a {\0}\n", "cannot read")
    fails(tmp_path, "vrrp_instance a {\n}\n", "vipd.conf:5: virtual_routers[0].addresses: is missing")
    for path, why in ((tmp_path / "none", "No such file or directory"), ("/", "Invalid argument"), ("/dev/zero", "Invalid argument")):
        done = vipctl_import(path)
        assert done.returncode == 1 and f"{path}: cannot read: {why}" in done.stderr and not done.stdout


def test_only_the_first_of_very_many_notes(tmp_path):
    path = tmp_path / "keepalived.conf"
    path.write_text("vrrp_instance a { interface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 2001:db8::1 }\n}\n" + "unknown\n" * 20000)
    done = vipctl_import(path)
    assert done.returncode == 0 and len(done.stderr.splitlines()) == 10000 and "and more" in done.stderr
