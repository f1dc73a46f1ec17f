# SPDX-License-Identifier: Apache-2.0
"""Adverts and Neighbor Advertisements, a dict each, as packets.c prints them: of an interface, or of a capture file."""

import json
import os
import signal
import subprocess

from basics import BUILD, run, wait_for

PROGRAM = f"{BUILD}/lab/packets"


def decoded(text):
    """Of whole lines; the last one may be on its way."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def of_file(path):
    return decoded(run(PROGRAM, "-r", path).stdout)


class Sniffer:
    """What passes an interface since the last mark. batched: known up to a second later, but wakes nobody for every packet."""

    def __init__(self, directory, namespace, interface="eth0", batched=False):
        self.path = os.path.join(directory, f"packets-{namespace}-{interface}.jsonl")
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{namespace}", PROGRAM, *(["-b"] if batched else []), interface],
                stdin=subprocess.DEVNULL, stdout=out)
        self.begin = 0
        wait_for("the sniffer listens", self.seen)
        self.mark()

    def mark(self):
        self.begin = os.path.getsize(self.path)

    def seen(self):
        with open(self.path) as lines:
            lines.seek(self.begin)
            return decoded(lines.read())

    def close(self):
        """How many it has lost."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=15)
        with open(self.path) as lines:
            last = json.loads(lines.read().splitlines()[-1])
        os.unlink(self.path)
        return last.get("lost", 0)
