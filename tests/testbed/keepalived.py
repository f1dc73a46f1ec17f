# SPDX-License-Identifier: Apache-2.0
"""Debian's keepalived with `vrrp_version 3`: its configuration and its processes."""

import contextlib
import os
import re
import shutil
import signal

from basics import wait_for

MAKE = "keepalived"
installed = shutil.which("keepalived") is not None


def group_link_local(vrid):
    """keepalived wants a link-local address first in the list of an IPv6 group: this one, which vipd lists as well."""
    return f"fe80::200:5eff:fe00:2{vrid:02x}"


class Keepalived:
    """One keepalived on a host; its adverts come from eth0's link-local address and MAC. begin() starts it anew."""

    def __init__(self, host):
        self.host, self.process, self.log_begin = host, None, 0
        self.log_path = os.path.join(host.directory, "keepalived.log")
        self.drain_file = os.path.join(host.directory, "drain")

    def begin(self, instances, checked=False):
        """instances: texts of instance(). checked: they track the API server, and a file by which they are drained."""
        path = os.path.join(self.host.directory, "keepalived.conf")
        with open(path, "w") as out:
            out.write(GLOBAL.format(name=self.host.name) + (self.checks() if checked else "") + "".join(instances))
        self.log_begin = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        pids = [f"--{which}={self.host.directory}/{which}" for which in ("pid", "vrrp_pid")]
        for pid in pids:  # of one that was killed; the number may be somebody else's by now
            with contextlib.suppress(FileNotFoundError):
                os.unlink(pid.partition("=")[2])
        self.process = self.host.spawn(
            ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp", f"--use-file={path}", *pids], "keepalived",
            env={**os.environ, "TMPDIR": self.host.directory})
        wait_for("keepalived takes part", self.log, lambda log: "Startup complete" in log)

    def checks(self):
        ask = os.path.join(self.host.directory, "ask")
        with open(ask, "w") as out:
            out.write("#!/bin/sh\nexec " + " ".join(self.host.testbed.curl("https://[::1]:6443/readyz")) + " -f -o /dev/null\n")
        os.chmod(ask, 0o755)
        self.drain("0")
        return CHECKS.format(ask=ask, drain=self.drain_file)

    def drain(self, value="1"):
        with open(self.drain_file, "w") as out:
            out.write(value + "\n")

    def log(self):
        """What it has logged since it was started."""
        with open(self.log_path, errors="replace") as text:
            text.seek(self.log_begin)
            return text.read()

    def pids(self):
        """By the names of vipd's: its parent does a guardian's work, its child an engine's."""
        if self.process is None or self.process.poll() is not None:
            return {}
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return {"guardian": self.process.pid, **{"engine": int(pid) for pid in children.read().split()}}

    def end(self):
        """By force, with all its processes; the addresses stay."""
        if self.process is not None:
            self.host.end(self.process)
            self.process = None

    def learned_interval_ms(self):
        """The interval of the Active, from the dump that keepalived writes when it is asked to."""
        path = os.path.join(self.host.directory, "keepalived.data")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.kill(self.process.pid, signal.SIGUSR1)
        line = wait_for("keepalived dumps its state", lambda: re.search(
            r"Master advert interval = (\d+) milli-sec", open(path).read()), deadline=1)
        return int(line[1])


def instance(vrid, priority, interval_ms, addresses, preempt=True, unicast_to=None, tracked=False, version=3):
    """A virtual router as keepalived.conf(5) has it. addresses: of one family, in IPv6 the link-local one with them."""
    lines = [f"    {address}/{64 if address.startswith('fe80') else 128 if ':' in address else 32} dev eth0" for address in addresses]
    more = [] if preempt else ["  nopreempt"]
    if unicast_to:
        more += ["  unicast_ttl 255", "  unicast_peer {", *(f"    {peer}" for peer in unicast_to), "  }"]
    if tracked:
        more += ["  track_script {", "    apiserver", "  }", "  track_file {", "    drain", "  }"]
    return "\n".join([
        f"vrrp_instance r{vrid} {{", "  state BACKUP", "  interface eth0", f"  version {version}",
        f"  virtual_router_id {vrid}", f"  priority {priority}",
        f"  advert_int {interval_ms / 1000:g}", *more, "  virtual_ipaddress {", *lines, "  }", "}", ""])


GLOBAL = """global_defs {{
  router_id {name}
  vrrp_version 3
  enable_script_security
  script_user root
}}
"""
# The API server is asked every second, its shortest interval, and believed at once.
CHECKS = """vrrp_script apiserver {{
  script "{ask}"
  interval 1
  timeout 3
  fall 1
  rise 2
  weight -100
}}
track_file drain {{
  file "{drain}"
  weight -100
  init_file 0
}}
"""
