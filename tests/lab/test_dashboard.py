# SPDX-License-Identifier: Apache-2.0
"""Every panel of the dashboard has something to show: what three servers said before and after some trouble is given to a real
Prometheus as if it had scraped them, and each of its expressions is evaluated there."""

import json
import pathlib
import re
import shutil
import struct
import time
import urllib.parse

import pytest

from hostile import advert, frame, put_checksum
from testbed import ROOT, transitions, wait_for

DASHBOARD = pathlib.Path(ROOT, "conf/grafana/vipd.json")
PORT = 9090
SCRAPE_S, SCRAPES = 15, 4  # before the trouble, and as many after it


def scrape(nodes):
    """What each says, with the labels that its scrape job gives."""
    samples = []
    for node in nodes:
        labels = f'job="vipd",instance="[{node.address}]:9752",node="{node.name}"'
        for name, more, value in re.findall(r"^(vipd_\w+)(?:\{(.*)\})? (\S+)$", node.metrics(), re.M):
            samples.append((f"{name}{{{labels}{',' if more else ''}{more}}}", value))
    return samples


def hello_of_nobody(source):
    data = struct.pack("!HHHH", 9752, 9752, 24, 0) + b"not a hello....."
    return frame(put_checksum(data, 6, source, "ff02::12", 17), source, "ff02::12", 17)


def trouble(lab, nodes, attacker):
    """Something of everything that a panel is there for."""
    before, refused = transitions(nodes), nodes[0].status()["group"]["dropped"]
    attacker.send(advert("fe80::66", hops=1), hello_of_nobody("fe80::66"))
    wait_for("the hello is refused", lambda: nodes[0].status()["group"]["dropped"], lambda dropped: dropped != refused)
    nodes[0].drain()
    lab.wait_holder(nodes[1])
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])
    wait_for("each server knows of it", lambda: transitions(nodes), lambda now: now[0] >= before[0] + 2)
    probed = [node.probes()["success"] for node in nodes]
    wait_for("each has asked its API server", lambda: [node.probes()["success"] for node in nodes],
             lambda now: all(a > b for a, b in zip(now, probed)))


@pytest.mark.long
def test_no_panel_is_empty(lab, nodes, attacker):
    for node in nodes:
        node.reconfigure(publish=[{"type": "dns", "server": f"[{lab.client.address}]:5353", "zone": "k8s.lab", "name": "api"}])
    wait_for("nobody is there to be told", lambda: nodes[0].metric("vipd_publish_failing", router="api"), lambda failing: failing == 1)
    first = scrape(nodes)
    trouble(lab, nodes, attacker)
    second, now = scrape(nodes), int(time.time()) - SCRAPE_S
    database = pathlib.Path(lab.client.directory, "prometheus")
    shutil.rmtree(database, ignore_errors=True)
    database.mkdir()
    with open(database / "scrapes.txt", "w") as out:
        for i in range(2 * SCRAPES):
            at = now - (2 * SCRAPES - 1 - i) * SCRAPE_S
            out.writelines(f"{series} {value} {at}\n" for series, value in (first if i < SCRAPES else second))
        out.write("# EOF\n")
    (database / "prometheus.yml").write_text("")
    lab.client.exec("promtool", "tsdb", "create-blocks-from", "openmetrics", str(database / "scrapes.txt"), str(database / "data"))
    prometheus = lab.client.spawn([
        "prometheus", f"--config.file={database}/prometheus.yml", f"--storage.tsdb.path={database}/data",
        f"--web.listen-address=[::1]:{PORT}", "--storage.tsdb.retention.time=1y", "--log.level=error"], "prometheus")
    try:
        assert empty_panels(lab, now) == {}
    finally:
        lab.client.end(prometheus)


def query(lab, expression, now):
    url = f"http://[::1]:{PORT}/api/v1/query?time={now}&query={urllib.parse.quote(expression)}"
    answer = lab.client.exec("curl", "-sS", "--noproxy", "*", url, check=False)
    return json.loads(answer.stdout) if answer.returncode == 0 and answer.stdout.startswith("{") else {}


def empty_panels(lab, now):
    wait_for("Prometheus is ready", lambda: query(lab, "vipd_build_info", now).get("data", {}).get("result"), deadline=30)
    board, empty = json.loads(DASHBOARD.read_text()), {}
    asked = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]]
    asked += [("annotation " + item["name"], item["expr"]) for item in board["annotations"]["list"]]
    for title, expression in asked:
        filled = re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "2m").replace("$__range", "5m"))
        answer = query(lab, filled, now)
        values = [result["value"][1] for result in answer.get("data", {}).get("result", [])]
        if all(value == "NaN" for value in values):
            empty[title] = (filled, answer)
    return empty
