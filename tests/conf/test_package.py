# SPDX-License-Identifier: Apache-2.0
"""What is installed, removed, purged and released: `make install` and `uninstall`, `make dist`, debian/. Real machines do it with
the package itself."""

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


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local"])
def test_uninstall_removes_what_install_wrote(tmp_path, prefix):
    """And nothing else."""
    others = ["etc/vipd/vipd.conf", "etc/vipd/keys/1", "etc/systemd/system/vipd.service.d/own.conf", "usr/lib/sysusers.d/own.conf"]
    for path in others:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("mine\n")
    make("install", f"DESTDIR={tmp_path}", f"PREFIX={prefix}", "-o", "all")
    there = files(tmp_path)
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
    assert there == set(subprocess.run(["git", "ls-tree", "-r", "--name-only", "HEAD"], capture_output=True, text=True, check=True).stdout.splitlines())


def test_everybody_names_the_version():
    """That of the Makefile: the package, the manual, and the changelog that the package points to."""
    assert f"vipd ({VERSION})" in pathlib.Path("debian/changelog").read_text().splitlines()[0]
    assert f"\n## [{VERSION}]" in pathlib.Path("CHANGELOG.md").read_text()
    for page in ("vipd.8", "vipctl.1"):
        assert f'"vipd {VERSION}"' in pathlib.Path("docs", page).read_text()
    assert f"vipd_{VERSION}_" in pathlib.Path("README.md").read_text()
