# SPDX-License-Identifier: Apache-2.0
"""Memory of one vipd that nothing else on the machine shares a page with: one virtual router, one https check.

Programs and libraries that are mapped twice are counted by half (PSS), so a second vipd, nginx or the shell would make vipd
look smaller. Here vipd sees its own copies of every file that it maps. On a node the larger libraries (libc, libcrypto) are
in memory anyway: `own_kib` is what is left of vipd if all are.
"""

import os
import shutil
import time

import report
from bench_cost import ROLES
from contenders import Setup, Vipd
from testbed import BUILD, run, wait_for
from trials import Trials


SECONDS = 60
LARGEST = 15
FIELDS = ["after_s", "process", "rss_kib", "pss_kib", "anonymous_kib", "shared_memory_kib", "files_kib", "own_kib"]
WRAPPER = """#!/bin/sh
exec unshare --mount --propagation private sh -c 'cd {copies} && for path in *; do
    mount --bind "$path" "/$(echo "$path" | tr @ /)" || exit 1
done; cd / && exec "$@"' vipd "$@"
"""


def copies(directory):
    """Copies of what vipd maps, named by where they belong with @ for /; a program before vipd that puts them there for it alone."""
    os.makedirs(directory)
    for program in ("vipd", "vipd-control"):
        words = run("ldd", f"{BUILD}/{program}").stdout.split()
        for path in {os.path.realpath(word) for word in (f"{BUILD}/{program}", *words) if word.startswith("/")}:
            shutil.copy(path, os.path.join(directory, path[1:].replace("/", "@")))
    wrapper = directory + ".sh"
    with open(wrapper, "w") as out:
        out.write(WRAPPER.format(copies=directory))
    os.chmod(wrapper, 0o755)
    return wrapper


def rollup(pid):
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        found = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in list(lines)[1:]}
    own = found["Pss_Anon"] + found["Pss_Shmem"]
    return dict(zip(FIELDS[2:], (found["Rss"], found["Pss"], found["Pss_Anon"], found["Pss_Shmem"], found["Pss_File"], own)))


def mappings(pid):
    """(PSS in KiB, of this anonymous, name) of what is mapped, largest first."""
    found = {}
    with open(f"/proc/{pid}/smaps") as lines:
        for line in lines:
            words = line.split()
            if "-" in words[0]:
                name = os.path.basename(words[5]).split("@")[-1] if len(words) > 5 else "anonymous"
            elif words[0] in ("Pss:", "Anonymous:"):
                found.setdefault(name, {"Pss:": 0, "Anonymous:": 0})[words[0]] += int(words[1])
    return sorted(((sizes["Pss:"], sizes["Anonymous:"], name) for name, sizes in found.items()), reverse=True)


def main(_):
    results = report.Results("memory", FIELDS)
    seconds = report.asked("LASTS", [SECONDS])[0]
    with Trials() as trials:
        one = trials.nodes[0]
        trials.api_start()
        directory = os.path.join(report.DIRECTORY, "copies")
        try:
            one.agent = Vipd(one, Setup())
            one.agent.first["wrap"] = [copies(directory)]
            one.agent.start()
            wait_for("it is Active and its check passes", one.brief, lambda brief: brief[:2] == ("active", True))
            began = time.monotonic()
            for after in (0, seconds):
                trials.watch(max(0, began + after - time.monotonic()))
                pids = one.agent.pids()
                rows = [{"process": role, **rollup(pids[role])} for role in ROLES]
                rows.append({"process": "all", **{field: sum(row[field] for row in rows) for field in FIELDS[2:]}})
                for row in rows:
                    results.add(after_s=after, **row)
            for role in ROLES:
                report.table(["pss_kib", "anonymous_kib", role], mappings(pids[role])[:LARGEST],
                            os.path.join(report.DIRECTORY, f"memory-{role}.txt"))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
