# SPDX-License-Identifier: Apache-2.0
"""What is installed, removed, purged and released: `make install` and `uninstall`, `make dist`, debian/. Real machines do it with
the package itself."""

import fcntl
import os
import pathlib
import re
import subprocess

import pytest

BUILD = os.environ.get("VIPD_BUILD", "build")
VERSION = re.search(r"^VERSION := (.*)$", pathlib.Path("Makefile").read_text(), re.M)[1]


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink())


def make(*words, **more):
    return subprocess.run(["make", "-s", f"B={BUILD}", *words], capture_output=True, text=True, timeout=300, check=True, **more)


@pytest.mark.parametrize("new_systemd", [True, False])
@pytest.mark.parametrize("prefix", ["/usr", "/usr/local"])
def test_uninstall_removes_what_install_wrote(tmp_path, prefix, new_systemd):
    """And nothing else. What only a new systemd knows is installed beside one."""
    others = ["etc/vipd/vipd.conf", "etc/vipd/keys/1", "etc/systemd/system/vipd.service.d/own.conf", "usr/lib/sysusers.d/own.conf"]
    for path in others:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("mine\n")
    make("install", f"DESTDIR={tmp_path}", f"PREFIX={prefix}", "-o", "all", f"PKG_CONFIG={'true' if new_systemd else 'false'}")
    there = files(tmp_path)
    assert any(path.endswith("vipd.service.d/restart-steps.conf") for path in there) == new_systemd
    assert f"{prefix[1:]}/sbin/vipd" in there and "usr/lib/systemd/catalog/vipd.catalog" in there and len(there) > 20
    make("uninstall", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    assert files(tmp_path) == sorted(others)


def test_dist_is_the_same_twice(tmp_path):
    """And has every file of the commit."""
    if subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True).returncode:
        pytest.skip("these sources are not of a git")
    for name in "ab":
        subprocess.run(["git", "clone", "-q", "--shared", ".", tmp_path / name], check=True)
        make("dist", cwd=tmp_path / name)
    archives = [(tmp_path / name / f"vipd-{VERSION}.tar.gz").read_bytes() for name in "ab"]
    assert archives[0] == archives[1]
    listed = subprocess.run(["tar", "-tzf", tmp_path / "a" / f"vipd-{VERSION}.tar.gz"], capture_output=True, text=True, check=True).stdout
    there = {line.removeprefix(f"vipd-{VERSION}/") for line in listed.splitlines() if not line.endswith("/")}
    committed = set(subprocess.run(["git", "ls-tree", "-r", "--name-only", "HEAD"], capture_output=True, text=True, check=True).stdout.splitlines())
    assert there == committed
    # Whoever has the archive alone can build a package of it, and test it, in the git of something else, too.
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["tar", "-xzf", tmp_path / "a" / f"vipd-{VERSION}.tar.gz", "-C", tmp_path], check=True)
    unpacked = tmp_path / f"vipd-{VERSION}"
    found = subprocess.run(["tests/sources"], cwd=unpacked, capture_output=True, text=True, check=True).stdout
    assert set(found.rstrip("\0").split("\0")) == committed
    for look in ("license", "markdown"):
        subprocess.run([f"tests/conf/{look}"], cwd=unpacked, check=True)


def test_everybody_names_the_version():
    """That of the Makefile: the package, the manual, and the changelog that the package points to."""
    assert f"vipd ({VERSION})" in pathlib.Path("debian/changelog").read_text().splitlines()[0]
    assert f"\n## [{VERSION}]" in pathlib.Path("CHANGELOG.md").read_text()
    for page in ("vipd.8", "vipctl.1"):
        assert f'"vipd {VERSION}"' in pathlib.Path("docs", page).read_text()
    assert f"vipd_{VERSION}_" in pathlib.Path("README.md").read_text()
    assert re.search(rf"^Version: +{re.escape(VERSION)}$", pathlib.Path("rpm/vipd.spec").read_text(), re.M)


def test_what_a_package_tells_systemd_may_fail():
    """In a container or an image systemd does not run."""
    lines = [line for line in pathlib.Path("rpm/vipd.spec").read_text().splitlines() if re.search(r"\b(systemctl|journalctl) ", line)]
    assert len(lines) == 6 and all(line.endswith(" >/dev/null 2>&1 || :") for line in lines), lines


# ---- purge ----

WRITTEN = ["run/vipd/vipd.sock.lock", "run/vipd/vipd.sock.drains", "run/vipd/vipd.sock.timeline",
           "var/log/vipd/captures/vipd-20261122T160000.310Z-api-active.pcapng"]
OTHERS = ["etc/vipd/vipd.conf", "etc/vipd/keys/1"]


def purged(root, paths):
    """What is left of the files and of the directories of vipd, when the script of the package has run on a root of its own."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    script = pathlib.Path("debian/vipd.postrm").read_text()
    for place in ("/run/vipd", "/var/log/vipd", "/etc/vipd"):
        script = script.replace(place, f"{root}{place}")
    done = subprocess.run(["sh", "-c", script, "postrm", "purge"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return files(root), sorted(str(path.relative_to(root)) for path in root.rglob("vipd"))


def test_purge_removes_what_vipd_wrote(tmp_path):
    assert purged(tmp_path, WRITTEN + OTHERS) == (sorted(OTHERS), ["etc/vipd"])


def test_purge_of_nothing(tmp_path):
    assert purged(tmp_path, []) == ([], [])


def test_purge_leaves_what_others_put_there(tmp_path):
    others = [*OTHERS, "run/vipd/other.sock", "var/log/vipd/notify.log", "var/log/vipd/captures/mine.pcapng"]
    assert purged(tmp_path, WRITTEN + others)[0] == sorted(others)


def test_purge_leaves_what_a_running_vipd_uses(tmp_path):
    """The pod has the same directories as the unit."""
    lock = tmp_path / WRITTEN[0]
    lock.parent.mkdir(parents=True)
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert purged(tmp_path, WRITTEN + OTHERS)[0] == sorted(WRITTEN + OTHERS)


# ---- the unit that drains ----

@pytest.mark.parametrize("unit, drains", [(0, True), (3, False), (1, True), (4, True)])
def test_the_stop_of_a_machine_drains_the_vipd_of_the_unit(tmp_path, unit, drains):
    """Not one in a pod, while the unit is inactive (3). Where systemd does not answer it drains rather than not."""
    text = pathlib.Path("init/vipd-drain.service").read_text()
    command = re.search(r"^ExecStop=-/bin/sh -c '(.*)'$", text, re.M)[1].replace("$$", "$")
    for name, script in (("systemctl", f"exit {unit}"), ("vipctl", f'echo "$@" >{tmp_path}/called')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    subprocess.run(["/bin/sh", "-c", command.replace("/usr/bin/vipctl", f"{tmp_path}/vipctl")], env={"PATH": str(tmp_path)}, timeout=30)
    called = (tmp_path / "called").read_text() if (tmp_path / "called").exists() else None
    assert called == ("drain --force --shutdown\n" if drains else None)
