# SPDX-License-Identifier: Apache-2.0
"""A control process that has been taken over: whatever it says, the engine lives and somebody holds the address."""

import ctypes
import os
import random
import shutil
import threading
import time

import pytest

from clients import ACK, Ears, tcp_of
from testbed import BUILD, PREFIX, VIP, wait_for

SECONDS = int(os.environ.get("HOSTILE_S", "2"))


def landlock_version():
    """As the kernel tells it: landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION); -1 without."""
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)


@pytest.fixture
def taken_over(lab, nodes, request):
    """The first server with another vipd-control, which begins to be hostile when the server has been the holder."""
    seed = os.environ.get("SEED", str(random.randrange(10 ** 6)))
    print(f"SEED={seed}")
    directory = os.path.join(nodes[0].directory, "taken-over")
    os.mkdir(directory)
    shutil.copy(f"{BUILD}/vipd", directory)
    shutil.copy(f"{BUILD}/lab/hostile_control", f"{directory}/vipd-control")
    config = nodes[0].config()
    config["run_as"] = "nobody"
    config["control"]["group"] = "nogroup"
    nodes[0].vipd_stop()
    lab.wait_holder(nodes[1])
    config["virtual_routers"][0]["ports"] = [6443]
    nodes[0].write_config(config)
    nodes[0].vipd_start(program=f"{directory}/vipd", HOSTILE_S=str(SECONDS), HOSTILE_SEED=seed,
                        **getattr(request, "param", {}))
    yield nodes[0]
    nodes[0].vipd_kill_all()  # it would not stop when it is told to
    nodes[0].release()
    shutil.rmtree(directory)


def last_log(node):
    """Since its last start."""
    return node.log().rpartition("vipd 0.")[2]


class Holders(threading.Thread):
    """Looks all the time who holds the address: how long it was nobody, at most and in all, in seconds."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.ends, self.longest, self.total = lab, threading.Event(), 0.0, 0.0
        self.start()

    def run(self):
        held = last = time.monotonic()
        nobody = None
        while not self.ends.is_set():
            found, now = self.lab.holders(), time.monotonic()
            if found:
                held, nobody = now, None
            elif nobody is None:
                nobody = held
            if nobody:
                self.longest = max(self.longest, now - nobody)
                self.total += now - last
            last = now
            time.sleep(0.002)  # sleep-ok: between two looks

    def end(self):
        self.ends.set()
        self.join()


@pytest.mark.alone
def test_control_taken_over(lab, nodes, taken_over):
    lab.wait_holder(taken_over)
    engine = taken_over.vipd_pids()["engine"]
    wait_for("it begins", lambda: last_log(taken_over), lambda text: "hostile: begins" in text)
    holders = Holders(lab)
    wait_for("it is done", lambda: last_log(taken_over), lambda text: "hostile: is done" in text, SECONDS + 15)
    wait_for("one holder again", lab.holders, lambda names: len(names) == 1)
    holders.end()
    text = last_log(taken_over)
    assert "the board is for reading only" in text, text[:2000]
    assert taken_over.vipd_pids()["engine"] == engine, "the engine did not survive"
    assert "engine ended" not in text and len(text.splitlines()) < 1000
    print(f"{VIP}: nobody for at most {1000 * holders.longest:.0f} ms, {1000 * holders.total:.0f} ms of {SECONDS} s in all")
    # What a drain costs in the worst case: its successor waits Active_Down_Interval, 3 to 4 intervals of 100 ms.
    assert holders.longest < 1.0
    lab.wait_holder(taken_over)


@pytest.mark.parametrize("taken_over", [{"HOSTILE_ENGINE": "1"}], indirect=True, ids=["engine"])
@pytest.mark.skipif(landlock_version() < 6, reason="this kernel's Landlock knows no scope of signals (Linux 6.12 does)")
def test_control_reaches_no_other_process(lab, taken_over):
    lab.wait_holder(taken_over)
    engine = taken_over.vipd_pids()["engine"]
    text = wait_for("it is done", lambda: last_log(taken_over), lambda text: "hostile: is done" in text)
    said = dict(line.partition("hostile: ")[2].rpartition(": ")[::2] for line in text.splitlines() if "hostile: " in line)
    assert said.pop("find") == said.pop("child") == "DONE", text
    done = [what for what, result in said.items() if result == "DONE"]
    assert not done and len(said) >= 12, text
    assert taken_over.vipd_pids()["engine"] == engine and lab.holders() == [taken_over.name]


@pytest.mark.parametrize("taken_over", [{"HOSTILE_CLIENTS": f"{VIP} {PREFIX}11 {PREFIX}50"}], indirect=True, ids=["clients"])
def test_a_forged_list_reaches_clients_alone(lab, taken_over):
    """The first server takes over with a list of ten, of whom one is a client."""
    ears = Ears(lab.client)
    text = wait_for("the clients are told", lambda: last_log(taken_over), lambda text: "connect anew" in text)
    assert "told 1 of 10 clients to connect anew" in text, text
    own = [tcp_of(data, VIP) for _, data in ears.frames() if data[6:12] == bytes.fromhex("020000000011")]
    assert {segment for segment in own if segment} == {(40001, ACK)}, own
    ears.close()
