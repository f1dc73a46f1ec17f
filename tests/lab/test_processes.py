# SPDX-License-Identifier: Apache-2.0
"""Four processes: who may what, and what happens when one of them dies."""

import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from testbed import BUILD, SANITIZED, VIP, adverts_pass, build_preload, config_text, transitions, wait_for

NET_ADMIN, NET_RAW = 1 << 12, 1 << 13


def process_status(pid):
    with open(f"/proc/{pid}/status") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def capabilities(pid):
    return [int(process_status(pid)[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]


def all_running(node):
    return wait_for("guardian, keeper, engine and control run", node.vipd_pids, lambda pids: len(pids) == 4)


def copy_programs(directory):
    """vipd and vipd-control in a directory of their own."""
    os.makedirs(directory, exist_ok=True)
    programs = [f"{directory}/{name}" for name in ("vipd", "vipd-control")]
    for program in programs:
        shutil.copy(os.path.join(BUILD, os.path.basename(program)), program)
    return programs


@pytest.fixture
def unprivileged(lab, nodes):
    """The first server with run_as = "nobody"."""
    config = nodes[0].config()
    config["run_as"] = "nobody"
    config["control"]["group"] = "nogroup"
    assert nodes[0].vipd_stop() == 0
    nodes[0].write_config(config)
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    return nodes[0]


def test_privileges(unprivileged):
    pids = all_running(unprivileged)
    for role, rights in (("engine", NET_RAW), ("keeper", NET_ADMIN), ("control", 0)):
        status = process_status(pids[role])
        assert set(status["Uid"].split()) == {"65534"} and set(status["Gid"].split()) == {"65534"}, role
        effective = capabilities(pids[role])[2]
        assert effective == rights, role
        bounding = NET_ADMIN | NET_RAW if role == "engine" else rights  # it gives up NET_ADMIN once its sockets are open
        assert capabilities(pids[role])[3] == bounding, f"bounding set of {role}"
        assert status["NoNewPrivs"] == "1", role
        assert os.stat(f"/proc/{pids[role]}/environ").st_uid == 0, f"{role} can be dumped: it belongs to its user"
    if not SANITIZED:
        for role in ("engine", "keeper"):
            assert process_status(pids[role])["Seccomp"] == "2", role
    log = unprivileged.log()
    assert "cannot read /proc" not in log, "the keeper sees the kernel's list of groups"
    for role in ("engine", "keeper"):
        ignored = int(process_status(pids[role])["SigIgn"], 16)
        assert ignored >> signal.SIGPIPE - 1 & 1, f"{role} ends when nobody reads its log"
    assert os.sched_getparam(pids["engine"]).sched_priority > os.sched_getparam(pids["keeper"]).sched_priority
    # the keeper's thread, for which an address waits, is realtime if the keeper is
    threads = {os.sched_getparam(int(thread)).sched_priority for thread in os.listdir(f"/proc/{pids['keeper']}/task")}
    own = os.sched_getparam(pids["keeper"]).sched_priority
    assert threads == {own, max(own - 1, 0)}


def test_others_may_look_but_not_change(lab, unprivileged):
    def as_nobody(command):
        return unprivileged.exec("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"{BUILD}/vipctl", "-s",
                                 unprivileged.socket_path, command, check=False, env=lab.environment)
    assert as_nobody("status").returncode == 0
    refused = as_nobody("drain")
    assert refused.returncode == 4 and "root" in refused.stderr
    assert unprivileged.router()["drained"] is False


def test_slow_clients_of_one_user_keep_nobody_out(lab, unprivileged):
    """They ask for nothing and stay connected, as many as there is room for."""
    script = ("import socket, sys, time\n"
              "clients = []\n"
              "for i in range(130):\n"
              "    clients.append(socket.socket(socket.AF_UNIX))\n"
              "    clients[-1].connect(sys.argv[1])\n"
              "print('there', flush=True)\n"
              "time.sleep(60)\n")  # sleep-ok: they stay connected until the test ends them
    command = ["ip", "netns", "exec", unprivileged.name, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
               "/usr/bin/python3", "-c", script, unprivileged.socket_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as slow:
        try:
            assert slow.stdout.readline() == "there\n"
            unprivileged.drain()
            unprivileged.vipctl("resume")
        finally:
            slow.kill()


def test_unprivileged_engine_holds_renews_and_releases(lab, unprivileged, nodes):
    unprivileged.exec("ip", "-6", "addr", "del", VIP + "/128", "dev", "eth0")
    wait_for("the address is back", unprivileged.has_address)
    assert unprivileged.vipd_stop() == 0
    lab.wait_holder(nodes[1])


def test_a_second_agent_in_the_network_namespace_stands_back(lab, nodes):
    """A unit of the host and a container, say: other paths, the same interface."""
    config, path = nodes[0].config(), os.path.join(nodes[0].directory, "second.conf")
    config["control"]["socket"] = os.path.join(nodes[0].directory, "second", "vipd.sock")
    config["metrics"]["listen"] = ""
    with open(path, "w") as out:
        out.write(config_text(config))
    second = nodes[0].exec("timeout", "20", f"{BUILD}/vipd", "-c", path, check=False, env=lab.environment)
    assert second.returncode == 1 and f"pid {nodes[0].vipd.pid}, {nodes[0].config_path}" in second.stderr, second.stderr
    released = nodes[0].exec(f"{BUILD}/vipd", "-c", path, "--release", env=lab.environment)
    assert f"pid {nodes[0].vipd.pid}" in released.stderr and nodes[0].has_address()


def test_somebody_elses_socket_does_not_keep_vipd_from_starting(lab, nodes):
    """Any user may take the name of an abstract socket."""
    assert nodes[0].vipd_stop() == 0
    squat = ("import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0vipd'); s.listen(); print('taken', flush=True); "
             "import signal; signal.pause()")
    thief = nodes[0].spawn(["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", squat], "thief",
                           stdout=subprocess.PIPE)
    assert thief.stdout.readline() == b"taken\n"
    nodes[0].vipd_start()
    nodes[0].special = True
    lab.wait_holder(nodes[0])
    assert "its addresses stay" in nodes[0].release().stderr
    nodes[0].end(thief)
    thief.stdout.close()


def test_a_dead_control_is_restarted_and_moves_nothing(lab, nodes, probe):
    before, pids = transitions(nodes), all_running(nodes[0])
    os.kill(pids["control"], signal.SIGKILL)
    again = wait_for("another control runs", nodes[0].vipd_pids,
                     lambda now: now.get("control") not in (None, pids["control"]))
    assert (again["guardian"], again["engine"]) == (pids["guardian"], pids["engine"])
    wait_for("it answers", nodes[0].brief, lambda brief: brief == ("active", True, False, 150, True))
    assert transitions(nodes) == before
    window = probe.mark()
    assert window["requests"]["lost"] == 0, window


def test_files_that_are_replaced_do_not_matter_to_a_running_one(lab, nodes):
    """An upgrade puts others in their place; what is started again is what was there at the start."""
    directory = os.path.join(nodes[0].directory, "upgrade")
    programs = copy_programs(directory)
    assert nodes[0].vipd_stop() == 0
    nodes[0].vipd_start(program=programs[0])
    nodes[0].special = True
    lab.wait_holder(nodes[0])
    pids = all_running(nodes[0])
    for program in programs:
        shutil.copy("/bin/false", program + ".new")
        os.rename(program + ".new", program)
    for role in ("control", "keeper", "engine"):
        os.kill(pids[role], signal.SIGKILL)
        wait_for(f"another {role} runs", nodes[0].vipd_pids, lambda now: now.get(role) not in (None, pids[role]))
    wait_for("it answers", nodes[0].brief, lambda brief: brief == ("active", True, False, 150, True))


def test_what_control_starts_is_not_protected_from_the_out_of_memory_killer(lab, nodes):
    try:
        with open(f"/proc/{nodes[0].anchor.pid}/oom_score_adj", "w") as adjustment:
            adjustment.write("-900")
    except OSError:
        pytest.skip("needs CAP_SYS_RESOURCE")
    assert nodes[0].vipd_stop() == 0
    nodes[0].vipd_start(wrap=["choom", "-n", "-900", "--"])
    pids = all_running(nodes[0])
    scores = {}
    for role, pid in pids.items():
        with open(f"/proc/{pid}/oom_score_adj") as adjustment:
            scores[role] = int(adjustment.read())
    assert scores == {"guardian": -900, "keeper": -900, "engine": -900, "control": 0}


def test_a_hung_control_is_replaced(lab, nodes, unprivileged):
    """Before the results of the checks, which are valid for three times (interval + timeout), have expired. Its user is
    another one, and the guardian has no CAP_KILL: neither in the unit nor here."""
    config = unprivileged.config()
    nodes[0].reconfigure(check={"timeout": "4s"}, run_as="nobody", control={**config["control"], "group": "nogroup"})
    before, pids = transitions(nodes), all_running(nodes[0])
    os.kill(pids["control"], signal.SIGSTOP)
    wait_for("another control runs", nodes[0].vipd_pids, lambda now: now.get("control") not in (None, pids["control"]), 30)
    wait_for("it answers", nodes[0].brief, lambda brief: brief == ("active", True, False, 150, True))
    assert nodes[0].vipd_pids()["engine"] == pids["engine"] and transitions(nodes) == before


def test_a_dead_engine_is_restarted(lab, nodes, probe):
    pids = all_running(nodes[0])
    os.kill(pids["engine"], signal.SIGKILL)
    wait_for("another engine runs", nodes[0].vipd_pids, lambda now: now.get("engine") not in (None, pids["engine"]))
    lab.wait_holder(nodes[0])
    wait_for("the client is served by it", probe.answered_by, lambda name: name == nodes[0].name)


def test_a_dead_guardian_means_a_handover(lab, nodes, probe):
    pids = all_running(nodes[0])
    nodes[0].vipd_stop(signal.SIGKILL)
    wait_for("the children have gone", lambda: [pid for pid in pids.values() if os.path.exists(f"/proc/{pid}")],
             lambda left: not left)
    lab.wait_holder(nodes[1])
    wait_for("the client is served by it", probe.answered_by, lambda name: name == nodes[1].name)


def test_ports_of_a_control_that_has_not_ended_yet(lab, nodes):
    """Everything was killed, and is started again at once: hellos and metrics are not lacking for the rest of its life."""
    pids = all_running(nodes[0])
    for pid in pids.values():
        os.kill(pid, signal.SIGSTOP)
    for role in ("guardian", "keeper", "engine"):
        os.kill(pids[role], signal.SIGKILL)
    nodes[0].vipd_wait()
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    wait_for("it knows the group", nodes[0].group, lambda seen: seen == (3, 2))
    os.kill(pids["control"], signal.SIGKILL)
    wait_for("it has metrics", lambda: nodes[0].metric("vipd_adverts_sent_total"))


@pytest.mark.skipif(SANITIZED, reason="the sanitizers have an allocator of their own")
def test_the_engine_allocates_nothing_while_it_runs(lab, nodes):
    """A counter in front of malloc, through adverts, a takeover, a repair, lease renewals and a lost link."""
    path, library = (os.path.join(nodes[1].directory, name) for name in ("allocations", "count_malloc.so"))
    build_preload("lab/count_malloc.c", library)
    assert nodes[1].vipd_stop() == 0
    nodes[1].vipd_start(LD_PRELOAD=library, VIPD_COUNT_MALLOC=path)
    wait_for("it is a healthy backup", nodes[1].brief, lambda b: b == ("backup", True, False, 120, False))
    with open(path, "rb") as file:
        counter = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    def allocations():
        return struct.unpack("=Q", counter[:8])[0]
    before = allocations()
    assert before > 0, "the counter does not count"
    nodes[0].blackhole()
    wait_for("it takes over", nodes[1].has_address)
    nodes[1].exec("ip", "-6", "addr", "del", VIP + "/128", "dev", "eth0")
    wait_for("it repairs", nodes[1].has_address)
    adverts_pass(nodes[1], 20)  # time enough to renew the lease
    nodes[1].carrier(False)
    wait_for("it sees the link", lambda: nodes[1].router()["state"], lambda state: state == "fault")
    nodes[1].carrier(True)
    wait_for("and its return", lambda: nodes[1].router()["state"], lambda state: state == "active")
    nodes[0].plug()
    lab.wait_holder(nodes[0])
    assert allocations() == before


def test_the_service_manager_is_told_when_the_engine_is_ready(lab, nodes):
    """As sd_notify(3) says. A control that cannot start must not make it end a working engine."""
    node, path = nodes[2], f"{lab.directory}/notify"
    programs = copy_programs(os.path.join(node.directory, "without-control"))
    shutil.copy("/bin/false", programs[1])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(15)
        manager.bind(path)
        node.vipd_stop()
        node.vipd_start(program=programs[0], NOTIFY_SOCKET=path)
        ready = wait_for("it is ready", lambda: manager.recv(4096), lambda told: b"READY=1" in told)
        assert b"\nSTATUS=1 virtual routers" in ready
        os.kill(node.vipd.pid, signal.SIGTERM)
        wait_for("it stops", lambda: manager.recv(4096), lambda told: told == b"STOPPING=1")
        node.vipd_wait()


@pytest.mark.skipif(SANITIZED, reason="the sanitizers have code of their own")
@pytest.mark.parametrize("role", ["engine", "keeper"])
def test_all_code_is_in_memory_from_the_start(nodes, role):
    """A takeover must not be the first to read it from a disk that may be dead."""
    mappings, current = {}, None
    with open(f"/proc/{all_running(nodes[1])[role]}/smaps") as smaps:
        for line in smaps:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                current = mappings.setdefault((words[0], words[1], words[-1]), {})
            elif words[0] in ("Size:", "Rss:"):
                current[words[0]] = int(words[1])
            elif words[0] == "VmFlags:":
                current["locked"] = "lo" in words
    code = {key: sizes for key, sizes in mappings.items() if "x" in key[1] and key[2].startswith("/")}
    assert code
    for key, sizes in code.items():
        assert sizes["Rss:"] == sizes["Size:"] and sizes["locked"], (key, sizes)
