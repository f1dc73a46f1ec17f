# SPDX-License-Identifier: Apache-2.0
"""What `vipctl explain` says of the faults: the cause that it finds, against what the row did.

Asked is whoever took over from the first server, when that is back: at 3 a.m. somebody looks at the server that holds the address."""

import contextlib
import json
import time

from basics import wait_for


def explained(node, number):
    """What it says of the move with that number (1: the last), None if there was none."""
    done = node.vipctl("-o", "json", "explain", str(number), check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def newest(trials):
    """When the last move was that anybody knows of, by the clock that all have in common."""
    stories = [explained(node, 1) for node in trials.members]
    return max((story["at"] for story in stories if story), default="")


def moves_away(node, first, since):
    """The moves from the first server to this one after that time, the oldest first."""
    found, number = [], 1
    while (story := explained(node, number)) and story["at"] > since:
        holders = [(story[end] or {}).get("node") for end in ("from", "to")]
        if holders == [first.name, node.name]:
            found.insert(0, (story, node.vipctl("explain", str(number)).stdout))
        number += 1
    return found


def complaints_now(trials, row, since):
    first, *others = trials.members
    told = [move for node in others for move in moves_away(node, first, since)]
    if not row.causes:  # the address does not leave the first server
        return [f"vipctl explain tells of a move:\n{text}" for _, text in told]
    if not told:
        return ["vipctl explain knows of no move: " + "".join(node.vipctl("events", "--group").stdout for node in others)]
    story, text = told[0]
    if story["cause"] not in row.causes:
        return [f"vipctl explain says {story['cause']}, and it was {' or '.join(row.causes)}:\n{text}"]
    clear = len(text.splitlines()) == 10 and first.name in text and row.says in text
    return [] if clear else [f"vipctl explain is not clear:\n{text}"]


def wait_heard(trials):
    """Until the others have heard from now on what the first server says of itself."""
    first, *others = trials.members
    begin = time.monotonic()

    def has_heard(node):
        [member] = [member for member in node.router()["group"]["members"] if member["node"] == first.name]
        return member["presence"] == "here" and member["last_seen_ms"] < 1000 * (time.monotonic() - begin)
    for node in others:
        wait_for(f"{node.name} hears {first.name} again", lambda node=node: has_heard(node))


def complaints(trials, row, since):
    """What is left of them when the others know what the first server says of itself. Where nothing is to be told, one look then."""
    wait_heard(trials)
    if not row.causes:
        return complaints_now(trials, row, since)
    seen = []

    def look():
        seen[:] = complaints_now(trials, row, since)
        return not seen
    with contextlib.suppress(AssertionError):
        wait_for("the cause is told", look, deadline=5)
    return seen
