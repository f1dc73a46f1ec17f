# SPDX-License-Identifier: Apache-2.0
"""make page-load: what 100 open pages cost. Prints how busy control and engine of a server are, how late the engine's loop was,
and how long a status takes, without pages and with them. For a quiet machine."""

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
SECONDS = float(os.environ.get("SECONDS", "20"))
ASK_EVERY_S = 0.1


def open_pages(node):
    """Streams from as many addresses as are needed: each may have four."""
    pages = []
    with namespace(node.name):
        for i in range(PAGES):
            address = f"127.0.0.{2 + i // OF_ONE}"
            page = socket.create_connection(("127.0.0.1", 9752), timeout=5, source_address=(address, 0))
            page.sendall(b"GET /page/events HTTP/1.1\r\nHost: 127.0.0.1:9752\r\n\r\n")
            assert b" 200 " in page.recv(64), "the stream was refused"
            page.setblocking(False)
            pages.append(page)
    return pages


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


def measure(node, pages):
    pids = node.vipd_pids()
    selector = selectors.DefaultSelector()
    for page in pages:
        selector.register(page, selectors.EVENT_READ)
    before, late = {role: cpu_seconds(pids[role]) for role in ("control", "engine")}, lateness(node)
    answers, count, end = [], 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        count += read_all(selector, time.monotonic() + ASK_EVERY_S)
        begin = time.monotonic()
        node.status()
        answers.append((time.monotonic() - begin) * 1000)
    busy = {role: (cpu_seconds(pids[role]) - before[role]) / SECONDS * 100 for role in before}
    wakes, seconds = (b - a for a, b in zip(late, lateness(node)))
    answers.sort()
    return [f"{busy['control']:.2f} %", f"{busy['engine']:.2f} %", f"{seconds / wakes * 1e6:.0f} us",
            f"{statistics.median(answers):.2f} ms", f"{answers[int(len(answers) * 0.99)]:.2f} ms", f"{count / SECONDS / 1024:.0f} KiB/s"]


def lateness(node):
    return node.metric("vipd_loop_lateness_seconds_count"), node.metric("vipd_loop_lateness_seconds_sum")


def main():
    with Cluster() as lab:
        lab.start()
        lab.restore()
        node = lab.nodes[0]
        node.vipd_stop()
        node.write_config({**node.config(), "metrics": {"listen": "[::]:9752", "page": True}})
        node.vipd_start()
        lab.wait_holder(node)
        wait_for("it knows the group", node.group, lambda seen: seen == (3, 2))
        rows = [("pages", "control", "engine", "lateness, mean", "status, median", "99 %", "sent")]
        rows.append(("0", *measure(node, [])))
        rows.append((str(PAGES), *measure(node, open_pages(node))))
        for row in rows:
            print("  ".join(cell.rjust(14) for cell in row))


if __name__ == "__main__":
    main()
