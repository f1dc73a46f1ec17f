# SPDX-License-Identifier: Apache-2.0
"""Instructions of one operation, as callgrind counts them: the same on every run of one build."""

import re
import shutil

import report
from testbed import BUILD, run

OPERATIONS = ("step-advert", "step-timer", "parse", "build", "sign", "sign-and-verify")
FEW, MANY = 1000, 3000


def instructions(operation, count):
    done = run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"{BUILD}/micro", operation, str(count))
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def main(_):
    if not shutil.which("valgrind"):
        print("micro: valgrind is missing; apt-get install valgrind")
        return
    results = report.Results("micro", ["operation", "instructions"])
    counts = {}
    for operation in OPERATIONS:
        counts[operation] = (instructions(operation, MANY) - instructions(operation, FEW)) / (MANY - FEW)
    counts["verify"] = counts.pop("sign-and-verify") - counts["sign"]
    for operation, count in counts.items():
        results.add(operation=operation, instructions=round(count))
