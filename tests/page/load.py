# SPDX-License-Identifier: Apache-2.0
"""make page-load: what 100 open pages cost. Prints how busy control and engine of a server are, how late the engine's loop was,
and how long a status takes, without pages, with those of many people, and with those of one address (as behind one
ssh -L): four of these follow, the others look every five seconds, as page.js does. For a quiet machine."""

import os
import selectors
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testbed"))
import space  # noqa: E402

space.enter()

from basics import wait_for  # noqa: E402
from hostile import namespace  # noqa: E402
from testbed import Cluster  # noqa: E402

PAGES, OF_ONE = 100, 4  # docs/api.md
CHECK_INTERVAL = "1s"  # vipd.conf(5)
SECONDS = float(os.environ.get("SECONDS", "20"))
STATUSES, STEP_S = 100, 0.1
LOOK_EVERY_S, LISTEN_EVERY_S = 5, 30  # page.js


def ask(path, host, source=None):
    """A connection that has asked, and the first bytes of the answer."""
    connection = socket.create_connection((host, 9752), timeout=5, source_address=source and (source, 0))
    name = f"[{host}]" if ":" in host else host
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}:9752\r\nConnection: close\r\n\r\n".encode())
    return connection, connection.recv(64)


def follow(host, source=None):
    page, begin = ask("/page/events", host, source)
    assert b" 200 " in begin, "the stream was refused"
    page.setblocking(False)
    return page


def open_pages(node):
    """Streams from as many addresses as are needed: each may have four."""
    with namespace(node.name):
        return [follow("127.0.0.1", f"127.0.0.{2 + i // OF_ONE}") for i in range(PAGES)]


class Lookers:
    """The pages of ::1 that may not follow."""

    def __init__(self, node, count):
        self.node, self.failed, self.looks = node, 0, 0
        begin = time.monotonic()
        self.due = [[begin + i * LOOK_EVERY_S / count, begin + i * LISTEN_EVERY_S / count] for i in range(count)]

    def get(self, path, wanted):
        self.looks += 1
        try:
            connection, begin = ask(path, "::1")
            with connection:
                while connection.recv(1 << 16):
                    pass
            self.failed += wanted not in begin
        except OSError:
            self.failed += 1

    def run(self):
        with namespace(self.node.name):
            for due in self.due:
                now = time.monotonic()
                if due[1] <= now:
                    due[1] += LISTEN_EVERY_S
                    self.get("/page/events", b" 503 ")
                elif due[0] <= now:
                    due[0] += LOOK_EVERY_S
                    self.get("/", b" 200 ")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_all(selector, until):
    """Returns how many bytes came."""
    count = 0
    while (left := until - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            read = key.fileobj.recv(1 << 20)
            assert read, "a page was dropped"
            count += len(read)
    return count


def busy(node, selector, lookers):
    """How busy both are, how late the engine is, and what is sent, while pages and nobody else ask."""
    pids = node.vipd_pids()
    before, late, begin = {role: cpu_seconds(pids[role]) for role in ("control", "engine")}, lateness(node), time.monotonic()
    count, end = 0, begin + SECONDS
    while time.monotonic() < end:
        count += read_all(selector, min(end, time.monotonic() + STEP_S))
        if lookers:
            lookers.run()
    seconds = time.monotonic() - begin
    shares = [(cpu_seconds(pids[role]) - before[role]) / seconds * 100 for role in before]
    wakes, waited = (b - a for a, b in zip(late, lateness(node)))
    return [*(f"{share:.2f} %" for share in shares), f"{waited / wakes * 1e6:.0f} us", f"{count / seconds / 1024:.0f} KiB/s"]


def status_ms(node, selector, lookers):
    """How long somebody else waits for a status, sorted. Asking has its own cost, so it is not done while `busy` counts."""
    answers = []
    for _ in range(STATUSES):
        read_all(selector, time.monotonic() + STEP_S)
        if lookers:
            lookers.run()
        begin = time.monotonic()
        node.status()
        answers.append((time.monotonic() - begin) * 1000)
    return sorted(answers)


def measure(node, pages, lookers=None):
    selector = selectors.DefaultSelector()
    for page in pages:
        selector.register(page, selectors.EVENT_READ)
    cells, answers = busy(node, selector, lookers), status_ms(node, selector, lookers)
    return [*cells, f"{statistics.median(answers):.2f} ms", f"{answers[int(len(answers) * 0.99)]:.2f} ms"]


def lateness(node):
    return node.metric("vipd_loop_lateness_seconds_count"), node.metric("vipd_loop_lateness_seconds_sum")


def main():
    with Cluster() as lab:
        lab.start()
        lab.restore()
        node = lab.nodes[0]
        node.vipd_stop()
        config = node.config()
        config["checks"][0]["interval"] = CHECK_INTERVAL  # of the testbed they are as many as the changes that a page shows
        node.write_config({**config, "metrics": {"listen": "[::]:9752", "page": True}})
        node.vipd_start()
        lab.wait_holder(node)
        wait_for("it knows the group", node.group, lambda seen: seen == (3, 2))
        rows = [("pages", "control", "engine", "lateness, mean", "sent", "status, median", "99 %")]
        rows.append(("0", *measure(node, [])))
        pages = open_pages(node)
        rows.append((str(PAGES), *measure(node, pages)))
        for page in pages:
            page.close()
        with namespace(node.name):
            pages = [follow("::1") for _ in range(OF_ONE)]
        lookers = Lookers(node, PAGES - OF_ONE)
        rows.append((f"{PAGES} of ::1", *measure(node, pages, lookers)))
        for row in rows:
            print("  ".join(cell.rjust(14) for cell in row))
        print(f"of {lookers.looks} looks of pages that may not follow {lookers.failed} failed")


if __name__ == "__main__":
    main()
