# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server that gives recorded answers: replay.py CERTIFICATE KEY CA ANSWERS.

ANSWERS is a file, read anew for each request: {"/readyz": ["500-readyz-etcd-hung.http", 4.0]} is the answer of a path with its
query, as received from a kube-apiserver (status line, headers, body), and after how many seconds it comes.
"""

import http.server
import json
import os
import socket
import ssl
import sys
import time

RECORDINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubernetes", "recordings")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        with open(sys.argv[4]) as answers:
            name, delay_s = json.load(answers)[self.path]
        with open(os.path.join(RECORDINGS, name), "rb") as recording:
            head, _, body = recording.read().replace(b"\r\n", b"\n").partition(b"\n\n")
        status, *headers = head.decode().splitlines()
        time.sleep(delay_s)  # sleep-ok: the answer takes so long
        self.send_response_only(int(status.split()[1]))
        for name, _, value in (line.partition(": ") for line in headers):
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address


def main(certificate, key, ca, _):
    Server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    Server.context.load_cert_chain(certificate, key)
    Server.context.load_verify_locations(ca)
    Server.context.verify_mode = ssl.CERT_OPTIONAL
    Server(("::1", 6443), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
