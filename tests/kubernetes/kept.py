# SPDX-License-Identifier: Apache-2.0
"""Connections to the API server of the VIP that are kept: a watch, and HTTP/2 with a request now and then a ping, each made anew
when it has ended: kept.py CA CERTIFICATE KEY VIP.

A line of JSON for each: [its kind, when it was begun, when it was answered or null, when it ended or null, what ended it]; the
first when it is answered, the second when it ends.
"""

import json
import os
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "testbed"))
from http2 import Http2  # noqa: E402

CA, CERTIFICATE, KEY, VIP = sys.argv[1:]
PATH = "/api/v1/namespaces/default/configmaps"
LIMIT_S, PAUSE_S = 5, 0.02


def context():
    made = ssl.create_default_context(cafile=CA)
    made.load_cert_chain(CERTIFICATE, KEY)
    return made


def watch():
    with socket.create_connection((VIP, 6443), timeout=LIMIT_S) as plain, context().wrap_socket(plain, server_hostname=VIP) as connection:
        connection.sendall(f"GET {PATH}?watch=1 HTTP/1.1\r\nHost: api\r\n\r\n".encode())
        text = b""
        while b'"ADDED"' not in text:
            more = connection.recv(65536)
            if not more:
                raise OSError(text.partition(b"\r\n")[0].decode() or "closed")
            text += more
        yield
        connection.settimeout(None)
        while connection.recv(65536):
            pass


def http2():
    connection = Http2(context(), VIP, 6443, LIMIT_S)
    try:
        connection.ask(PATH)
        yield
        connection.keep()
    finally:
        connection.close()


def say(*what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def go_on(connect):
    while True:
        begun, answered, why = time.time(), None, ""
        try:
            for _ in connect():
                answered = time.time()
                say(connect.__name__, begun, answered, None, "")
        except (OSError, ssl.SSLError) as error:
            why = str(error) or type(error).__name__
        say(connect.__name__, begun, answered, time.time(), why)
        time.sleep(PAUSE_S)  # sleep-ok: as a client pauses before it connects anew


for each in (watch, http2):
    threading.Thread(target=go_on, args=(each,)).start()
