# SPDX-License-Identifier: Apache-2.0
"""Whether those who ask vipd disturb it: the adverts of the Active, quiet and under 1,000 scrapes a second and clients that stall.

vipd alone: keepalived has nothing that could be scraped.
"""

import contextlib
import socket

import report
from bench_scale import jitter
from capture import Capture
from contenders import Setup
from trials import Trials


SECONDS, CURLS, RATE = 10, 4, 250
FIELDS = ["interval_ms", "run", "load", "scrapes_per_s", "jitter_p50_us", "jitter_p99_us", "jitter_worst_us", "missed"]


@contextlib.contextmanager
def asked_hard(node, seconds, answers):
    with contextlib.ExitStack() as stalled:
        for path in ("/v1/events?follow=1", "/v1/status"):
            client = stalled.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.connect(node.socket_path)
            client.send(f"GET {path} HTTP/1.1\r\nHost: vipd\r\n\r\n".encode() * 50)
        curls = [node.spawn(["stdbuf", "-oL", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\\n", "--noproxy", "*", "--max-time", str(seconds + 5),
                             "--rate", f"{RATE}/s", f"http://[::1]:9752/metrics#[1-{RATE * (seconds + 5)}]"], f"curl{i}")
                 for i in range(CURLS)]
        yield
        for i, curl in enumerate(curls):
            node.end(curl)
        answers.append(sum(text.count("200\n") for name, text in node.logs() if "/curl" in name))


def main(runs):
    seconds = report.asked("LASTS", [SECONDS])[0]
    results = report.Results("control", FIELDS)
    with Trials() as trials:
        one = trials.nodes[0]
        capture = Capture(trials)
        for interval_ms in report.asked("INTERVALS", [10, 100]):
            for number in range(1, (runs or 1) + 1):
                trials.begin("vipd", Setup(interval_ms), probe=None)
                for load in ("none", "scrapes and stalled clients"):
                    answers = []
                    before = sum(text.count("200\n") for name, text in one.logs() if "/curl" in name)
                    with asked_hard(one, seconds, answers) if load != "none" else contextlib.nullcontext():
                        capture.mark()
                        trials.watch(seconds)
                        packets = capture.packets()
                    rate = (answers[0] - before) / (seconds + 2.4) if answers else 0.0
                    results.add(interval_ms=interval_ms, run=number, load=load, scrapes_per_s=rate,
                                **jitter(packets, one.number, interval_ms))
        capture.close()
