# SPDX-License-Identifier: Apache-2.0
"""Asks the API server of the VIP as kubectl does, but for a hundredth of its processor time: client.py CA CERTIFICATE KEY URL.

Every PERIOD_S a new connection and one request, whether the last has been answered or not, with LIMIT_S to be answered. A line
of JSON each: [when it began, when it ended, ""], or in the place of "" what went wrong.
"""

import asyncio
import json
import ssl
import sys
import time
import urllib.parse

PERIOD_S, LIMIT_S = 0.05, 5


async def request(url, context):
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=context)
    try:
        writer.write(f"GET {url.path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
    finally:
        writer.close()
    if not answer.startswith("HTTP/1.1 200 "):
        raise OSError(answer.partition("\r\n")[0] or "EOF")


async def ask(url, context):
    begun, failure = time.time(), ""
    try:
        await asyncio.wait_for(request(url, context), LIMIT_S)
    except asyncio.TimeoutError:
        failure = "timeout"
    except (OSError, ssl.SSLError, EOFError) as error:
        failure = str(error) or type(error).__name__
    sys.stdout.write(json.dumps([begun, time.time(), failure]) + "\n")
    sys.stdout.flush()


async def main(ca, certificate, key, url):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    loop, due, running = asyncio.get_running_loop(), time.monotonic(), set()
    while True:
        task = loop.create_task(ask(urllib.parse.urlsplit(url), context))
        running.add(task)
        task.add_done_callback(running.discard)
        due = max(due + PERIOD_S, time.monotonic())
        await asyncio.sleep(due - time.monotonic())  # sleep-ok: the time between two requests


asyncio.run(main(*sys.argv[1:]))
