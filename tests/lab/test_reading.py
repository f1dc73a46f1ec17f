# SPDX-License-Identifier: Apache-2.0
"""What the guardian reads may hang: a name service, a network file system. vipd goes on with what it has."""

import os
import shutil
import signal

import pytest

from testbed import SANITIZED, adverts_pass, build_preload, transitions, wait_for

pytestmark = pytest.mark.skipif(SANITIZED, reason="the sanitizers want to be loaded first")


@pytest.fixture(scope="module")
def hanging(session_lab):
    """Directory of the library; see hang.c."""
    directory = os.path.join(session_lab.directory, "hang")
    os.makedirs(directory, exist_ok=True)
    build_preload("lab/hang.c", f"{directory}/libnss_hang.so.2")
    return directory


def in_place_of(*pairs):
    """Words that run a command in a mount namespace where files are in place of others."""
    mounts = " && ".join(f"mount --bind {file} {place}" for file, place in pairs)
    return ["unshare", "-m", "sh", "-c", mounts + ' && exec "$@"', "sh"]


def restart(lab, node, config, **more):
    assert node.vipd_stop() == 0
    node.write_config(config)
    node.vipd_start(**more)
    node.special = True
    lab.wait_holder(node)


def next_engine(node):
    before = node.vipd_pids()["engine"]
    os.kill(before, signal.SIGKILL)
    wait_for("another engine runs", node.vipd_pids, lambda pids: pids.get("engine") not in (None, before))


def test_a_name_service_that_hangs_delays_no_engine(lab, nodes, hanging):
    """Neither the first one nor one that starts again, which would be too late to adopt."""
    with open(f"{hanging}/nsswitch.conf", "w") as out:
        out.write("passwd: files\ngroup: files hang\ninitgroups: files hang\n")
    config = nodes[0].config()
    config["run_as"], config["control"]["group"] = "nobody", "no-such-group"
    config["record_dir"] = os.path.join(nodes[0].directory, "record-dir")
    begin = len(nodes[0].log())
    restart(lab, nodes[0], config, wrap=in_place_of((f"{hanging}/nsswitch.conf", "/etc/nsswitch.conf")),
            LD_LIBRARY_PATH=hanging)
    log = nodes[0].log(begin)
    assert "the name service does not answer" in log and "record_dir" not in log, log
    before = transitions(nodes)
    next_engine(nodes[0])
    wait_for("it goes on as Active", lambda: "took over from the engine before" in nodes[0].router()["reason"])
    adverts_pass(nodes[0], 5)
    nodes[0].vipctl("reload")
    assert transitions(nodes) == before


@pytest.mark.long
def test_a_group_may_come_late(lab, nodes, hanging):
    groups = f"{hanging}/group"
    shutil.copy("/etc/group", groups)
    config = nodes[0].config()
    config["control"]["group"] = "later"
    restart(lab, nodes[0], config, wrap=in_place_of((groups, "/etc/group")))
    assert os.stat(nodes[0].socket_path).st_gid == 0
    with open(groups, "a") as out:
        out.write("later:x:4711:\n")
    wait_for("the socket is of the group", lambda: os.stat(nodes[0].socket_path).st_gid, lambda gid: gid == 4711, 30)


def test_a_record_dir_that_hangs_keeps_nothing_from_starting(lab, nodes, hanging):
    away = os.path.join(nodes[0].directory, "records")
    with open(away + ".hangs", "w"):
        pass
    restart(lab, nodes[0], {**nodes[0].config(), "record_dir": away}, LD_PRELOAD=f"{hanging}/libnss_hang.so.2",
            VIPD_HANG=away)
    assert f'record_dir = "{away}" could not be looked at' in nodes[0].log()
    os.unlink(away + ".hangs")


@pytest.mark.long
def test_a_file_system_that_hangs_stops_nothing(lab, nodes, hanging):
    """Certificates that were read stay in force, engines that die are adopted, and a reload says what is wrong."""
    away = os.path.join(nodes[0].directory, "away")
    shutil.copytree(lab.tls, away, dirs_exist_ok=True)
    config = nodes[0].config()
    for key in ("ca", "cert", "key"):
        config["checks"][0][key] = config["checks"][0][key].replace(lab.tls, away)
    # A start of an engine that takes 0.4 s is no hang; a hang lasts longer than three of these intervals, too.
    config["virtual_routers"][0].update(advert_interval="1s", kernel_lease="30s")
    restart(lab, nodes[0], config, LD_PRELOAD=f"{hanging}/libnss_hang.so.2", VIPD_HANG=away)
    wait_for("it is healthy", nodes[0].brief, lambda brief: brief == ("active", True, False, 150, True))
    before = transitions(nodes)
    with open(away + ".hangs", "w"):
        pass
    try:
        wait_for("the guardian says so", lambda: "does a file system hang" in nodes[0].log(), deadline=30)
        next_engine(nodes[0])
        control = nodes[0].vipd_pids()["control"]
        os.kill(control, signal.SIGKILL)
        wait_for("another control runs", nodes[0].vipd_pids, lambda pids: pids.get("control") not in (None, control))
        refused = wait_for("a reload is answered", lambda: nodes[0].vipctl("reload", check=False),
                           lambda done: done.returncode)
        assert "does a file system hang" in refused.stderr, refused.stderr
        wait_for("it is healthy", nodes[0].brief, lambda brief: brief == ("active", True, False, 150, True))
        assert transitions(nodes) == before
    finally:
        os.unlink(away + ".hangs")
    wait_for("a reload works again", lambda: nodes[0].vipctl("reload", check=False).returncode, lambda code: code == 0)
