# SPDX-License-Identifier: Apache-2.0
"""Key files of adverts, as an administrator makes them, and servers that use them."""

import os
import secrets


def make_key(lab, key_id):
    """A new key that all servers have: its path and its bytes."""
    directory = os.path.join(lab.directory, "keys")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    path, key = os.path.join(directory, str(key_id)), secrets.token_bytes(32)
    write_key(path, f"hex:{key.hex()}\n")
    return path, key


def write_key(path, text, mode=0o600):
    with open(path + ".new", "w", opener=lambda name, flags: os.open(name, flags, mode)) as out:
        os.fchmod(out.fileno(), mode)
        out.write(text)
    if os.path.isdir(path):  # a test has put it there
        os.rmdir(path)
    os.rename(path + ".new", path)


def auth(mode, active, keys):
    """The group `auth`; keys: id -> path. Without a mode: none."""
    return mode and {"mode": mode, "active_key": active,
                     "keys": [{"id": key_id, "file": path} for key_id, path in keys.items()]}


def write_auth(node, group):
    config = node.config()
    if group:
        config["virtual_routers"][0]["auth"] = group
    node.write_config(config)


def use(node, *arguments):
    """Reloads with this `auth`."""
    write_auth(node, auth(*arguments))
    node.vipctl("reload")


def roll_out(nodes, keys):
    """From none to enforce, every server before the next step."""
    for mode in ("receive-only", "permissive", "enforce"):
        for node in nodes:
            use(node, mode, min(keys), keys)
