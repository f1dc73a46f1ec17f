# SPDX-License-Identifier: Apache-2.0
"""Chromium on a host of the testbed, by the Chrome DevTools Protocol over a pair of pipes: no driver, no port, no network."""

import base64
import contextlib
import json
import os
import select
import shutil
import time

from basics import wait_for

DEADLINE_S = 20
WIDTH, HEIGHT = 1000, 600


def find():
    """The program, or None."""
    return shutil.which("chromium")


class Browser:
    """with Browser(host) as browser: …; everything a page complains of is in `complaints`."""

    def __init__(self, host):
        self.profile = host.directory + "/chromium"
        ours, theirs = os.pipe(), os.pipe()  # the browser reads 3 and writes 4
        for fd in (*ours, *theirs):
            os.set_inheritable(fd, True)
        command = [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
                   "--disable-features=Translate,OptimizationHints,MediaRouter", "--host-resolver-rules=MAP rebound.example [::1]", "--hide-scrollbars", "--force-device-scale-factor=1",
                   f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={self.profile}", "--remote-debugging-pipe", "about:blank"]
        self.process = host.spawn(["bash", "-c", f'exec "$@" 3<&{ours[0]} 4>&{theirs[1]}', "bash", *command], "chromium",
                                  pass_fds=(ours[0], theirs[1]), env={**os.environ, "HOME": host.directory, "TZ": "UTC"})
        self.host, self.out, self.into = host, ours[1], theirs[0]
        os.close(ours[0])
        os.close(theirs[1])
        self.number, self.rest, self.session, self.complaints = 0, b"", None, []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Audits"):
            self.call(domain + ".enable")

    # the protocol

    def receive(self, deadline):
        while b"\0" not in self.rest:
            if not select.select([self.into], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            read = os.read(self.into, 1 << 20)
            if not read:
                raise ConnectionError("the browser has ended; see chromium.log")
            self.rest += read
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.hear(answer)

    def hear(self, event):
        what, more = event.get("method"), event.get("params", {})
        if what == "Log.entryAdded" and more["entry"]["source"] == "security":
            self.complaints.append(more["entry"]["text"])
        elif what == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(more["exceptionDetails"]))
        elif what == "Audits.issueAdded" and "contentSecurityPolicy" in json.dumps(more).replace("C", "c", 1):
            self.complaints.append(json.dumps(more))

    # what tests do

    def js(self, expression):
        """The value of an expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, url="http://[::1]:9752/", scripts=True, dark=False, width=WIDTH):
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.look(dark, width)
        self.call("Page.navigate", url=url)
        wait_for(f"{url} is loaded", lambda: self.js("document.readyState + ' ' + location.href"), lambda seen: seen == f"complete {url}")

    def look(self, dark, width=WIDTH):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT, deviceScaleFactor=1, mobile=False)

    def text(self, selector="main"):
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def key(self, name):
        code, text = {"Tab": (9, ""), "Enter": (13, "\r")}[name]
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def picture(self, path, drawn=False):
        """Of the document, as high as it is; drawn: of an image, which has its own size."""
        width, height = WIDTH, self.js("document.documentElement.scrollHeight")
        if drawn:
            width, height = self.js("['width', 'height'].map(side => document.documentElement[side].baseVal.value)")
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        with open(path, "wb") as out:
            out.write(base64.b64decode(shot["data"]))

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self.out)
            os.close(self.into)
        self.host.end(self.process)
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
