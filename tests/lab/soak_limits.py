# SPDX-License-Identifier: Apache-2.0
"""Long ones: `make soak`. What is as large, or goes on for as long, as it can."""

import contextlib
import os
import shutil
import time

from testbed import BUILD, UnixConnection, adverts_pass, wait_for

CRASHING_S = int(os.environ.get("CRASHING_S", "30"))
LINES = 8  # two deaths at once, four with a pause each, and what is said about it


def test_an_active_with_255_routers_of_16_addresses(lab, nodes):
    """The kernel takes its time for 4,080 addresses; once they are there nothing moves, and a stop leaves none."""
    node = nodes[0]
    for other in nodes:
        other.vipd_stop()
    config = node.config()
    router = {**config["virtual_routers"][0], "advert_interval": "1s", "kernel_lease": "0s", "checks": []}
    del router["name"], config["checks"]
    addresses = [f"2001:db8:79fb::{vrid:x}:{i:x}" for vrid in range(1, 256) for i in range(16)]
    config["virtual_routers"] = [{**router, "vrid": vrid, "addresses": addresses[16 * vrid - 16:16 * vrid]} for vrid in range(1, 256)]
    node.write_config(config)
    node.vipd_start()

    def states():
        return {r["state"] for r in node.status()["virtual_routers"]}

    def held():
        with open(f"/proc/{node.anchor.pid}/net/if_inet6") as lines:
            return sum(line.startswith("20010db879fb0000") and int(line[24:28], 16) > 0 for line in lines)
    begin = time.monotonic()
    wait_for("all are Active", states, lambda seen: seen == {"active"}, 100)
    wait_for("with all addresses", held, lambda count: count == len(addresses), 100)
    print(f"{len(addresses)} addresses within {time.monotonic() - begin:.1f} s")
    wait_for("and all are announced", lambda: min(r["counters"]["announcements_sent"] for r in node.status()["virtual_routers"]),
             lambda count: count >= 16, 60)
    before = [r["counters"]["transitions"] for r in node.status()["virtual_routers"]]
    adverts_pass(node, 8)
    assert [r["counters"]["transitions"] for r in node.status()["virtual_routers"]] == before
    assert node.vipd_stop() == 0
    assert held() == 0


def test_the_log_of_a_control_that_cannot_live(lab, nodes):
    """A program that ends at once: it is tried for ever, the log has some lines of that, and nothing moves."""
    directory = os.path.join(nodes[0].directory, "broken")
    os.makedirs(directory, exist_ok=True)
    shutil.copy(f"{BUILD}/vipd", directory)
    shutil.copy("/bin/false", f"{directory}/vipd-control")
    for node in nodes[1:]:
        node.vipd_stop()
    nodes[0].vipd_stop()
    config = nodes[0].config()
    config["checks"], config["virtual_routers"][0]["checks"] = [], []
    nodes[0].write_config(config)
    before = len(nodes[0].log())
    nodes[0].vipd_start(program=f"{directory}/vipd")
    nodes[0].special = True
    time.sleep(CRASHING_S)  # sleep-ok: what it logs meanwhile
    log = nodes[0].log(before)
    lines = [line for line in log.splitlines() if "control ended" in line]
    assert 4 <= len(lines) <= LINES, log
    assert log.count("state change") == 2 and nodes[0].has_address(), log


def test_a_page_that_is_not_read_is_dropped(nodes):
    """While the others go on: nobody waits for it."""
    def follow():
        connection = UnixConnection(nodes[0].socket_path)
        connection.request("GET", "/page/events")
        return connection, connection.getresponse()
    pages = [follow() for _ in range(4)]
    assert [answer.status for _, answer in pages] == [200] * 4
    for connection, _ in pages[1:]:
        connection.sock.setblocking(False)
    begin, longest = time.monotonic(), 0.0
    while True:
        nodes[2].vipctl("drain")  # each is a message for all
        nodes[2].vipctl("resume")
        for connection, _ in pages[1:]:
            with contextlib.suppress(BlockingIOError):
                assert connection.sock.recv(1 << 20)
        asked = time.monotonic()
        assert nodes[0].http("GET", "/healthz") == (200, "ok\n")
        longest = max(longest, time.monotonic() - asked)
        again, answer = follow()
        again.close()
        if answer.status == 200:
            break
        assert answer.status == 503 and time.monotonic() < begin + 100, "it is still there"
    print(f"dropped after {time.monotonic() - begin:.1f} s; the longest answer meanwhile took {longest * 1000:.1f} ms")
    for connection, _ in pages:
        connection.close()
