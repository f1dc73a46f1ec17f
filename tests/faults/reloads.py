# SPDX-License-Identifier: Apache-2.0
"""Faults of somebody's who changes the configuration, or starts what runs already."""

import os

from basics import BUILD, config_text, run, wait_for


def put_back(how):
    """A virtual router goes and is wanted again, while the old one still hands over. There is a second one that stays."""
    def act(trials):
        agent = trials.nodes[0].agent
        whole, changed = agent.config(), agent.config()
        if how == "removed":
            del changed["virtual_routers"][0]
        else:
            changed["virtual_routers"][0]["vrid"] = 99
        agent.reload(changed)
        agent.reload(whole)
        trials.watch(1)
    return act


def vrid_changed(trials):
    """The holder first, then the others, as somebody does who has not read the guide."""
    for node in trials.nodes:
        node.agent.router["vrid"] = 101
        assert node.agent.reload(), f"{node.name} refuses another VRID"
        trials.watch(1.5)


def second_agent(trials):
    """Another vipd in the same network namespace, as a container beside the unit: it refuses to run, and its --release is harmless."""
    one = trials.nodes[0]
    room = os.path.join(one.directory, "second")
    os.makedirs(room, exist_ok=True)
    config = one.agent.config()
    config["control"]["socket"] = os.path.join(room, "vipd.sock")
    config["metrics"] = {"listen": ""}
    path = os.path.join(room, "vipd.conf")
    with open(path, "w") as out:
        out.write(config_text(config))
    hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t tmpfs tmpfs /tmp; exec "$@"', "sh"]  # no path in common
    second = one.spawn([*hidden, f"{BUILD}/vipd", "-c", path], "second", env=trials.environment)
    trials.watch(1)
    refused = second.poll()
    one.end(second)
    released = one.exec(f"{BUILD}/vipd", "-c", path, "--release", check=False, env=trials.environment)
    trials.watch(1)
    wait_for("the first holds the address", one.has_address)
    log = run("tail", "-n", "3", os.path.join(one.directory, "second.log")).stdout
    assert refused not in (None, 0), f"the second one runs (exit {refused}): {log}"
    assert "vipd" in log or released.returncode, log
