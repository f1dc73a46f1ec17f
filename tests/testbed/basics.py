# SPDX-License-Identifier: Apache-2.0
"""What every test of the lab uses: where things are, running a command, looking until something is so."""

import http.client
import json
import os
import re
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("VIPD_BUILD", "build"))
SANITIZED = os.path.basename(BUILD) == "san"
PREFIX = "2001:db8:79fb::"
VIP = PREFIX + "100"
PREFIX_IPV4 = "192.0.2."
VIP_IPV4 = PREFIX_IPV4 + "100"
BOTH = (VIP_IPV4, VIP)
NAME = "k8s-api.k8s.lab"
URL = f"https://[{VIP}]:6443/readyz"
SANITIZER = re.compile(r"\w+Sanitizer|runtime error:")


def wait_for(what, look, until=bool, deadline=15.0):
    """Looks again and again until until(what it saw) is true, and returns that. Says what it saw last if it never is."""
    end = time.monotonic() + deadline
    while True:
        try:
            seen = look()
            if until(seen):
                return seen
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AssertionError) as error:
            seen = error
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline:g} s. Last seen: {seen!r}")
        time.sleep(0.01)  # sleep-ok: a step of a poll with a deadline


def sample(page, name, **labels):
    """The value of the first sample of `name` on a page of metrics that has these labels."""
    for line in page.splitlines():
        found = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
        if found and found[1] == name and labels.items() <= dict(re.findall(r'(\w+)="(.*?)"', found[2] or "")).items():
            return float(found[3])
    raise LookupError(f"no sample {name} {labels}")


def transitions(nodes):
    return [node.router()["counters"]["transitions"] for node in nodes]


def adverts_pass(node, count):
    """Time in the measure of the protocol: until the holder has advertised so many times more."""
    begin = node.router()["counters"]["adverts_sent"]
    wait_for(f"{node.name} sends {count} adverts", lambda: node.router()["counters"]["adverts_sent"],
             lambda now: now >= begin + count)


def run(*command, check=True, **more):
    done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, capture_output=True, **more)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def build_preload(source, library):
    """What LD_PRELOAD puts in front of the C library, of one file below tests."""
    run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, os.path.join(ROOT, "tests", source))


def ip_batch(namespace, commands):
    subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)


def config_text(value, indent=0):
    """A dict as libconfig text. Lists of groups and empty lists become lists, other lists arrays."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = [f"{pad}{key} = {config_text(item, indent + 1)};\n" for key, item in value.items()]
        return "".join(lines) if indent == 0 else "{\n" + "".join(lines) + "  " * (indent - 1) + "}"
    if isinstance(value, (list, tuple)):
        items = ", ".join(config_text(item, indent + 1) for item in value)
        plain = value and not any(isinstance(item, dict) for item in value)
        return f"[ {items} ]" if plain else f"( {items} )"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else json.dumps(value)


def stolen_ms():
    """Since the start, of all processors: on a virtual machine, the time in which its host let it wait."""
    with open("/proc/stat") as lines:
        return int(next(lines).split()[8]) * 1000 / os.sysconf("SC_CLK_TCK")
