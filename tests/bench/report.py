# SPDX-License-Identifier: Apache-2.0
"""What was measured: a header that says where, a table on the terminal, a CSV with every trial, a plot."""

import csv
import datetime
import os
import statistics
import subprocess

import contenders
from basics import stolen_ms
from testbed import BUILD, ROOT, run

DIRECTORY = contenders.results("bench")
HERE = os.path.dirname(os.path.abspath(__file__))
MAKES = ("vipd", "keepalived")


def asked(name, default):
    """A list of numbers or words from the environment, separated by commas or blanks."""
    words = os.environ.get(name, "").replace(",", " ").split()
    return [type(default[0])(word) for word in words] if words else default


def revision():
    described = run("git", "-c", "safe.directory=*", "-C", ROOT, "describe", "--always", "--dirty", check=False).stdout.strip()
    version = run(f"{BUILD}/vipd", "--version").stdout.strip()
    return f"{version}, revision {described or 'unknown'}"


def processor():
    with open("/proc/cpuinfo") as lines:
        return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def header(seed):
    keepalived = run("keepalived", "-v", check=False).stderr.splitlines()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    text = "\n".join([
        f"date        {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        f"machine     {processor()}, {os.cpu_count()} processors, {memory:.1f} GiB; load {os.getloadavg()[0]:.2f}",
        f"kernel      {os.uname().sysname} {os.uname().release}",
        f"vipd        {revision()}",
        f"keepalived  {keepalived[0] if keepalived else 'not installed'}",
        f"seed        {seed}"]) + "\n"
    os.makedirs(DIRECTORY, exist_ok=True)
    with open(os.path.join(DIRECTORY, "header.txt"), "w") as out:
        out.write(text)
    print(text, flush=True)


def configurations(name, trials):
    """Both sides', as the first server has them: printed, and kept beside the results."""
    one = trials.nodes[0]
    for make, path in (("vipd", one.config_path), ("keepalived", os.path.join(one.directory, "keepalived.conf"))):
        if not os.path.exists(path):  # this make was left out
            continue
        with open(path) as source:
            text = source.read()
        with open(os.path.join(DIRECTORY, f"{name}-{make}.conf"), "w") as out:
            out.write(text)
        print(f"---- {make}, the first server at the shortest interval ----\n{text}", flush=True)


class Results:
    """The trials of one experiment. Each is in the CSV as soon as it is over, so an end by force loses none.

    stolen_ms, the last column, is what the host of a virtual machine took from it since the row before.
    """

    def __init__(self, name, fields):
        self.name, self.fields, self.rows = name, [*fields, "stolen_ms"], []
        self.stolen = stolen_ms()
        self.path = os.path.join(DIRECTORY, name + ".csv")
        os.makedirs(DIRECTORY, exist_ok=True)
        with open(self.path, "w", newline="") as out:
            csv.writer(out, lineterminator="\n").writerow(self.fields)
        print(f"\n==== {name} ====\n{self.line(self.fields)}", flush=True)

    def line(self, cells):
        return "  ".join(f"{str(cell):>{max(len(field), 9)}}" for cell, field in zip(cells, self.fields))

    def add(self, **row):
        before, self.stolen = self.stolen, stolen_ms()
        row["stolen_ms"] = self.stolen - before
        self.rows.append(row)
        cells = [f"{row[f]:.3f}" if isinstance(row.get(f), float) else "" if row.get(f) is None else row[f] for f in self.fields]
        with open(self.path, "a", newline="") as out:
            csv.writer(out, lineterminator="\n").writerow(cells)
        print(self.line(cells), flush=True)

    def groups(self, *keys):
        """(values of the keys, rows), in the order in which they were first seen."""
        found = {}
        for row in self.rows:
            found.setdefault(tuple(row[key] for key in keys), []).append(row)
        return found.items()

    def summary(self, keys, value, more=()):
        """Median, p90 and worst of `value`; of `more` the sums."""
        fields = [*keys, "n", f"{value} median", "p90", "worst", *(f"{name} (sum)" for name in more)]
        lines = []
        for names, rows in self.groups(*keys):
            values = sorted(row[value] for row in rows if row.get(value) is not None)
            if not values and not any(row.get("trouble") for row in rows):
                continue
            figures = [f"{v:.2f}" for v in (statistics.median(values), part(values, 0.9), values[-1])] if values else ["-"] * 3
            lines.append([*names, len(rows), *figures, *(sum(row.get(name) or 0 for row in rows) for name in more)])
        table(fields, lines, os.path.join(DIRECTORY, f"{self.name}-{value}.txt"))

    def plot(self, script=None):
        """An SVG of the CSV. Without gnuplot there is none, and that is said."""
        script = os.path.join(HERE, (script or self.name) + ".gp")
        try:
            done = subprocess.run(["gnuplot", "-e", f"name='{self.name}'", script], cwd=DIRECTORY, text=True,
                                  capture_output=True)
        except FileNotFoundError:
            print("no plot: gnuplot is missing; apt-get install gnuplot-nox")
            return
        print(done.stderr.strip() if done.returncode else f"plot: {self.path[:-4]}.svg", flush=True)


def part(values, share):
    """The value below which this share of the sorted values lies."""
    return values[min(len(values) - 1, int(share * len(values)))]


def table(fields, lines, path):
    lines = [[str(cell) for cell in line] for line in [fields, *lines]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(fields))]
    text = "\n".join("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths)) for line in lines)
    with open(path, "w") as out:
        out.write(text + "\n")
    print("\n" + text, flush=True)
