# SPDX-License-Identifier: Apache-2.0
"""An API server that answers each request with the next of some recordings, over HTTP/2 and TLS, on loopback.

replay.py DIRECTORY: by itself, with its certificate, the file `port`, a line in `requests` for each request, and `answers`: the
names of the recordings, of which the last one stays.
"""

import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading

import h2.config
import h2.connection
import h2.events

RECORDINGS = os.path.join(os.path.dirname(__file__), "recordings")


def recording(name):
    with open(f"{RECORDINGS}/{name}.http", encoding="utf-8") as file:
        head, _, body = file.read().partition("\n\n")
    status, *lines = head.splitlines()
    headers = [(":status", status.split()[1])]
    headers += [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines) if name.lower() != "content-length"]
    return headers, body.encode()


class Server:
    def __init__(self, directory):
        self.requests, self.answers = [], []
        self.certificate = directory / "server.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=kube-apiserver", "-addext", "subjectAltName=IP:::1,DNS:kubernetes.default",
                        "-keyout", directory / "server.key", "-out", self.certificate], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, directory / "server.key")
        self.context.set_alpn_protocols(["h2"])
        self.listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def will_answer(self, *names):
        self.requests, self.answers = [], list(names)

    def next_answer(self):
        return self.answers.pop(0)

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(plain,), daemon=True).start()

    def talk(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as client:
                self.converse(client)
        except OSError:
            pass

    def converse(self, client):
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        client.sendall(http.data_to_send())
        heads, bodies = {}, {}
        while data := client.recv(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    heads[event.stream_id], bodies[event.stream_id] = dict(event.headers), b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.requests.append((heads[event.stream_id], bodies[event.stream_id]))
                    headers, body = recording(self.next_answer())
                    http.send_headers(event.stream_id, headers)
                    http.send_data(event.stream_id, body, end_stream=True)
            client.sendall(http.data_to_send())

    def close(self):
        self.listener.close()


class Program(Server):
    """Told and read by files."""

    def __init__(self, directory):
        self.directory, self.taken = directory, None
        super().__init__(directory)
        (directory / "port").write_text(str(self.port))

    def next_answer(self):
        path = self.directory / "answers"
        if self.taken != path.stat().st_mtime_ns:
            self.taken, self.answers = path.stat().st_mtime_ns, path.read_text().split()
        with open(self.directory / "requests", "a", encoding="utf-8") as out:
            out.write(self.requests[-1][0][":path"] + "\n")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


if __name__ == "__main__":
    Program(pathlib.Path(sys.argv[1]))
    threading.Event().wait()
