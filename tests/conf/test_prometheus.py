# SPDX-License-Identifier: Apache-2.0
"""The alert rules fire when they should and the dashboard asks for what there is. docs/metrics.md says what vipd exports; that it is
right is seen here by the sources and in the lab (test_control.py) by an agent that runs. Run from the top directory."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

ALERTS = pathlib.Path("conf/prometheus/alerts.yml")
DASHBOARD = pathlib.Path("conf/grafana/vipd.json")
SCRAPE_LABELS = {"job", "instance", "node", "le"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "counter": ("",)}


def documented():
    """Every series that can be asked for, with its labels."""
    row = re.compile(r"^- `(vipd_\w+)`\s\((\w+)(?:;([^)]*))?\):", re.M)
    return {name + suffix: set(re.findall(r"`(\w+)`", labels))
            for name, kind, labels in row.findall(pathlib.Path("docs/metrics.md").read_text()) for suffix in SUFFIXES[kind]}


def promtool(*arguments):
    """A third of its time would be collection of garbage."""
    frugal = {**os.environ, "GOGC": "off", "GOMEMLIMIT": "256MiB"}
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=180, env=frugal)
    assert done.returncode == 0, done.stdout + done.stderr


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def dashboard_queries():
    board = json.loads(DASHBOARD.read_text())
    panels = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return panels + [a["expr"] for a in board["annotations"]["list"]]


def variables_filled(query):
    return re.sub(r"\$\w+", ".*", query.replace("$__rate_interval", "5m").replace("$__range", "6h"))


def test_documented_metrics_are_those_of_the_sources():
    sources = "".join(path.read_text() for path in pathlib.Path("agent/control").rglob("*.c"))
    exported = set(re.findall(r'"(vipd_[a-z_]+)[{"]', sources))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in documented()} == exported


@pytest.mark.parametrize("query", [rule["expr"] for rule in rules()] + dashboard_queries())
def test_queries_ask_for_what_there_is(query):
    series = documented()
    asked = re.findall(r"\bvipd_\w+", query)
    assert asked, "asks for nothing of vipd"
    for name, matchers in re.findall(r"\b(vipd_\w+)(?:\{(.*?)\})?", query):
        assert name in series, f"{name} is not in docs/metrics.md"
        unknown = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers)) - series[name] - SCRAPE_LABELS
        assert not unknown, f"{name} has no label {unknown}"
    known = SCRAPE_LABELS.union(*(series[name] for name in asked))
    for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query):
        assert set(re.findall(r"\w+", labels)) <= known, f"{labels}: not labels of {asked}"


def test_variables_of_the_dashboard():
    board = json.loads(DASHBOARD.read_text())
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    used = {name for query in dashboard_queries() for name in re.findall(r"\$(\w+)", query)}
    assert used - {"__rate_interval", "__range"} <= set(variables)
    for variable in variables.values():
        for name, label in re.findall(r"label_values\((vipd_\w+)[^,]*, (\w+)\)", variable.get("definition", "")):
            assert label in documented()[name] | SCRAPE_LABELS


def test_panels_of_the_dashboard():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        assert panel["title"] and all(t["datasource"]["uid"] == "${datasource}" for t in panel["targets"])


def test_queries_of_the_dashboard_are_promql(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
        {"record": f"query:{i}", "expr": variables_filled(query)} for i, query in enumerate(dashboard_queries())]}]}))
    promtool("check", "rules", str(path))


def test_alerts(tmp_path):
    """The expected text of `action` is filled in here: it is the same for every alert of a rule."""
    promtool("check", "rules", str(ALERTS))
    actions = {rule["alert"]: rule["annotations"]["action"] for rule in rules()}
    wanted = yaml.safe_load(pathlib.Path("tests/conf/alerts_test.yml").read_text())
    wanted["rule_files"] = [str(ALERTS.resolve())]
    fired = set()
    for case in (case for test in wanted["tests"] for case in test["alert_rule_test"]):
        for alert in case.get("exp_alerts", []):
            alert["exp_annotations"]["action"] = actions[case["alertname"]]
            fired.add(case["alertname"])
    assert fired == set(actions), "an alert without a test that makes it fire"
    files = {}
    for test in wanted["tests"]:
        files.setdefault(test.pop("evaluation_interval", wanted["evaluation_interval"]), []).append(test)
    paths = [tmp_path / f"alerts_{interval}.yml" for interval in files]
    for path, (interval, tests) in zip(paths, files.items()):
        path.write_text(yaml.safe_dump({**wanted, "evaluation_interval": interval, "tests": tests}))
    promtool("test", "rules", *map(str, paths))


def test_alerts_are_documented():
    table = re.findall(r"^- `(Vipd\w+)` \((\w+)\):", pathlib.Path("docs/metrics.md").read_text(), re.M)
    assert table == [(rule["alert"], rule["labels"]["severity"]) for rule in rules()]


def test_alerts_say_what_to_do():
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "action"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert "{{" not in rule["annotations"]["action"]
