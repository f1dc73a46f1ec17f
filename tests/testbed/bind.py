# SPDX-License-Identifier: Apache-2.0
"""A real BIND on a host of the testbed, port 5353, with one zone that a key may update."""

import os
import signal

from basics import wait_for

KEY = 'key "update" { algorithm hmac-sha256; secret "c2VjcmV0IG9mIHRoZSBsYWIgaXMgbm9uZSBhdCBhbGw="; };\n'
OTHER_KEY = KEY.replace("c2Vj", "b3Ro")
CONFIG = """include "{dir}/key";
options {{ directory "{dir}"; listen-on {{ none; }}; listen-on-v6 port 5353 {{ {address}; }}; pid-file none; recursion no;
	dnssec-validation no; session-keyfile none; }};
controls {{ }};
zone "k8s.lab" {{ type primary; file "k8s.lab.zone"; allow-update {{ key "update"; }}; }};
"""


class Bind:
    def __init__(self, host, zone):
        self.host = host
        path = f"{host.directory}/dns"
        os.makedirs(path, exist_ok=True)
        for name in os.listdir(path):
            os.unlink(f"{path}/{name}")
        self.key, self.other_key = f"{path}/key", f"{path}/other-key"
        for name, text in (("k8s.lab.zone", zone), ("key", KEY), ("other-key", OTHER_KEY),
                           ("named.conf", CONFIG.format(dir=path, address=host.address))):
            with open(f"{path}/{name}", "w") as out:
                out.write(text)
        self.path, self.process = path, None
        self.begin()

    def begin(self, *wrap):
        """wrap: words before the command."""
        self.end()
        self.process = self.host.spawn([*wrap, "named", "-f", "-g", "-n", "1", "-c", self.path + "/named.conf"], "named")
        wait_for("BIND answers", lambda: self.addresses("ns", "AAAA"))

    def addresses(self, name, kind="AAAA"):
        return sorted(self.host.exec("dig", f"@{self.host.address}", "-p", "5353", "+short", "+tries=1", "+time=1", kind,
                                     name + ".k8s.lab", check=False).stdout.split())

    def change(self, name, address):
        """By somebody else who has the key."""
        with open(self.key + ".update", "w") as out:
            out.write(f"server {self.host.address} 5353\nupdate delete {name}.k8s.lab AAAA\n"
                      f"update add {name}.k8s.lab 5 AAAA {address}\nsend\n")
        self.host.exec("nsupdate", "-k", self.key, self.key + ".update")

    def hang(self):
        """Connections are taken by the kernel, and nobody reads them."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def end(self):
        if self.process:
            self.host.end(self.process)
        self.process = None
