# SPDX-License-Identifier: Apache-2.0
"""`vipctl import`: for each NAME.conf in tests/conf/keepalived, what it prints is NAME.vipd and what it says is NAME.notes; and
vipd takes what it prints. UPDATE=1 writes them anew. VIPD_BUILD names the directory of the programs."""

import gzip
import os
import pathlib
import re
import subprocess

import pytest

BUILD = os.path.abspath(os.environ.get("VIPD_BUILD", "build"))
HERE = pathlib.Path(__file__).parent.resolve() / "keepalived"
NAMES = sorted(path.stem for path in HERE.glob("*.conf"))
NOT_YET = "What is printed is not right yet; mend these lines of it:\n"
WARNING = "vipd.conf: warning: "  # of vipd, whose words are tested elsewhere
NOT_ALL = """adverts braces broken characters extremes includes lost one-line processes services sync-weights track-process
    variables""".split()  # exit 1
MANUAL = pathlib.Path("/usr/share/man/man5/keepalived.conf.5.gz")
SMALL = "vrrp_instance a { interface eth0\nvirtual_router_id 1\nadvert_int 1\nvirtual_ipaddress { 2001:db8::1 }\n}\n"


def vipctl_import(path, *options, cwd=HERE, text=None):
    command = [f"{BUILD}/vipctl", "import", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=cwd, input=text)


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
    same(HERE / f"{name}.notes", "".join(line for line in notes.splitlines(True) if not line.startswith(WARNING)))
    assert done.returncode == (name in NOT_ALL) and not errors and not vipd_errors(done.stdout, tmp_path), errors


def test_what_vipd_warns_of_is_said_at_once():
    warned = set(re.findall(WARNING + r'check "(p\d\d)"', vipctl_import("processes.conf").stderr))
    assert warned >= {"p01", "p02", "p03", "p08", "p09", "p10", "p13"}


@pytest.mark.skipif(not MANUAL.exists(), reason="keepalived and its manual are not installed")
def test_every_word_of_keepalived_has_a_hint(tmp_path):
    text = re.split(r"^\.SH LVS CONFIGURATION", gzip.open(MANUAL, "rt").read(), flags=re.M)[0]
    words = set(re.findall(r"^ *\\fB([a-z][a-z0-9_]+)", text, flags=re.M)) - {"keepalived", "vrrp", "checker"}
    assert len(words) > 200
    path = tmp_path / "keepalived.conf"
    path.write_text("".join(f"{word} x\n" for word in sorted(words) if not word.startswith("include")) + SMALL)
    assert not [line for line in vipctl_import(path).stderr.splitlines() if "nothing like it" in line]


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
    many = "".join(f"{number:x}\n" for number in range(150000))
    fails(tmp_path, "vrrp_script a {\n" + many + "}\nvrrp_track_process b {\n" + "x", "is not closed")


def test_what_is_not_one(tmp_path):
    fails(tmp_path, "", "there is no vrrp_instance in it")
    fails(tmp_path, b"vrrp_instance a {\0}\n", "cannot read: there is a zero byte in it")
    fails(tmp_path, b"x" * 5000 + b"\0", "cannot read: there is a zero byte in it")
    fails(tmp_path, "vrrp_instance a {\n}\n", "vipd.conf:5: virtual_routers[0].addresses: is missing")
    for path, why in ((tmp_path / "none", "No such file or directory"), ("/", "it is a directory"), ("/dev/zero", "it is not a regular file")):
        done = vipctl_import(path)
        assert done.returncode == 1 and f"{path}: cannot read: {why}" in done.stderr and not done.stdout


def test_what_is_printed_but_does_less(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "directory").mkdir()
    path = tmp_path / "keepalived.conf"
    scripts = "".join(f'vrrp_script s{i} {{ script "/bin/true" }}\n' for i in range(65))

    def done(inside, before=""):
        path.write_text(before + SMALL[:-2] + inside + "}\n")
        done = vipctl_import(path)
        assert "virtual_routers = (" in done.stdout
        assert ("does not do all" in done.stderr) == done.returncode
        return done.returncode

    assert done("") == done("", f"include {tmp_path}/empty/*.conf\n") == done("track_script {\ns1\n}\n", scripts) == 0
    for part in ("none/*.conf", "none.conf", "directory"):
        assert done("", f"include {tmp_path}/{part}\n") == 1, part
    assert done("track_script {\ns64\n}\n", scripts) == done("track_script {\ns1 weight 10 reverse\n}\n", scripts) == 1
    assert done("track_process {\nnone\n}\n") == done("track_file {\nnone\n}\n") == done("track_bfd {\nnone\n}\n") == 1
    assert done("track_interface {\n" + "".join(f"eth{i}\n" for i in range(1, 10)) + "}\n") == 1


def test_only_the_first_of_very_many_notes(tmp_path):
    path = tmp_path / "keepalived.conf"
    path.write_text("vrrp_instance a { interface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 2001:db8::1 }\n}\n" + "unknown\n" * 20000)
    done = vipctl_import(path)
    assert done.returncode == 0 and len(done.stderr.splitlines()) == 10000 and "and more" in done.stderr


def test_standard_input_and_byte_order_mark(tmp_path):
    path = tmp_path / "keepalived.conf"
    path.write_text(SMALL)
    plain, marked, piped = vipctl_import(path), vipctl_import("-", text="\ufeff" + SMALL), vipctl_import("-", text=SMALL)
    assert plain.returncode == marked.returncode == piped.returncode == 0 and not marked.stderr
    assert piped.stdout == marked.stdout == plain.stdout.replace("keepalived.conf:1", "(stdin):1")
    assert "(stdin): cannot read: it is too large" in vipctl_import("-", text="x\n" * 600000).stderr
