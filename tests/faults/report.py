# SPDX-License-Identifier: Apache-2.0
"""What was seen: a line on the terminal as each run ends, a CSV with every run, and a Markdown table of it.

The CSV is kept from one call to the next: rows that were run again replace what stood there.
"""

import csv
import dataclasses
import fcntl
import io
import os
import statistics

import rules

FIELDS = ["row", "make", "run", "outcome", "detail", "expected", "lost", "answered", "gap_ms", "difference_ms", "none_ms",
          "several_ms", "partly_ms", "takeovers", "transitions", "holders", "burst", "probe_late_ms", "stolen_ms"]


@dataclasses.dataclass
class Result:
    row: object
    make: str
    run: int
    seen: object
    complaints: list

    def cells(self):
        seen = self.seen
        judged = self.make == "vipd"
        outcome = "as expected" if not self.complaints else "NOT AS EXPECTED" if judged else "differs"
        return {"row": self.row.name, "make": self.make, "run": self.run, "outcome": outcome,
                "detail": "; ".join(self.complaints), "expected": rules.words(self.row.rules), "lost": seen.lost,
                "answered": seen.answered, "gap_ms": f"{seen.gap_ms:.1f}",
                "difference_ms": "" if seen.difference_ms is None else f"{seen.difference_ms:.1f}",
                "none_ms": f"{seen.none_ms:.1f}", "several_ms": f"{seen.several_ms:.1f}",
                "partly_ms": f"{seen.partly_ms:.1f}", "takeovers": seen.takeovers,
                "transitions": "+".join(map(str, seen.transitions)), "holders": seen.holders, "burst": seen.burst,
                "probe_late_ms": f"{seen.late_ms:.1f}", "stolen_ms": f"{seen.stolen_ms:.0f}"}


# apart: how much longer the clients of one family saw the outage than those of the other
HEAD = f"{'fault':53} {'make':11} {'lost':>4} {'silence':>10} {'apart':>9} {'moves':>6} {'stolen':>9}  {'number of holders over time':44} outcome"


def line(result):
    c = result.cells()
    apart = c["difference_ms"] and c["difference_ms"] + " ms"
    return (f"{c['row']:53} {c['make']:11} {c['lost']:>4} {c['gap_ms'] + ' ms':>10} {apart:>9} {c['transitions']:>6} {c['stolen_ms'] + ' ms':>9}  "
            f"{c['holders']:44} {c['outcome']}{': ' + c['detail'] if c['detail'] else ''}")


def read(path):
    try:
        with open(path, newline="") as text:
            return list(csv.DictReader(text))
    except FileNotFoundError:
        return []


def save(directory, results, order):
    """Merges the results into faults.csv and writes faults.md from all of it. Two at once wait for each other."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = os.path.join(directory, "faults.csv")
        fresh = [result.cells() for result in results]
        again = {(cells["row"], cells["make"]) for cells in fresh}
        lines = [cells for cells in read(path) if (cells["row"], cells["make"]) not in again and cells["row"] in order] + fresh
        lines.sort(key=lambda cells: (order.index(cells["row"]), cells["make"] != "vipd", int(cells["run"])))
        out = io.StringIO()
        writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        replace(path, out.getvalue())
        replace(os.path.join(directory, "faults.md"), markdown([{k: str(v) for k, v in cells.items()} for cells in lines]))


def replace(path, text):
    with open(path + ".new", "w") as out:
        out.write(text)
    os.rename(path + ".new", path)


def usual(values):
    return max(set(values), key=values.count)


def silence(runs, column="gap_ms"):
    gaps = sorted(float(cells[column]) for cells in runs if cells.get(column))
    return "" if not gaps else f"{gaps[0]:.1f}" if len(gaps) == 1 else f"{statistics.median(gaps):.1f} (most {gaps[-1]:.1f})"


def markdown(lines):
    """Two tables that fit on a page: what happened, and below it what is not as vipd promises. The CSV has everything."""
    out = ["| fault | | runs | lost of | silence, ms | between the families, ms | moves | outcome |", "|---|---|---|---|---|---|---|---|"]
    notes, before = [], None
    for key in dict.fromkeys((cells["row"], cells["make"]) for cells in lines):
        runs = [cells for cells in lines if (cells["row"], cells["make"]) == key]
        good = sum(cells["outcome"] == "as expected" for cells in runs)
        lost, answered = (sum(int(cells[name]) for cells in runs) for name in ("lost", "answered"))
        outcome = "as expected" if good == len(runs) else f"{len(runs) - good} not" if len(runs) > 1 else "not as expected"
        out.append("| " + " | ".join([key[0] if key[0] != before else "", key[1], str(len(runs)), f"{lost} of {answered + lost}",
                                      silence(runs), silence(runs, "difference_ms"), usual([cells["transitions"] for cells in runs]), outcome]) + " |")
        if good < len(runs):
            notes.append(f"- {key[0]}, {key[1]}: {usual([cells['detail'] for cells in runs if cells['detail']])}")
        before = key[0]
    return "\n".join([*out, "", *notes]) + "\n"
