# SPDX-License-Identifier: Apache-2.0
"""The page as somebody sees it who has it open while things happen: nobody loads it anew. Pictures of it are left in
build/page/pictures."""

import json
import os
import signal
import time

import pytest

import screenshot
from testbed import VIP, wait_for

SLOWLY = float(os.environ.get("VIPD_PICTURES", "0"))  # seconds
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def healthy(lab):
    """After moves, so that there is something to tell of the day; for pictures it is a longer one."""
    first, second, _ = lab.nodes
    for _ in range(5 if SLOWLY else 1):
        time.sleep(SLOWLY)  # sleep-ok: what is told of is how long
        first.drain()
        lab.wait_holder(second)
        time.sleep(SLOWLY / 2)  # sleep-ok: as above
        first.vipctl("resume")
        lab.wait_holder(first)


def failover(lab):
    """The holder dies while the ports of the others do not forward yet: so it lasts long enough to be looked at."""
    for node in lab.nodes[1:]:
        node.reconfigure(router={"start_delay": "1m"})
        node.interface_down()
    lab.nodes[0].vipd_kill_all()
    lab.nodes[0].interface_down()
    for node in lab.nodes[1:]:
        node.interface_up()


def split(lab):
    """Adverts are lost between all servers, and hellos are not."""
    drops = lab.switch_drops("ip6 nexthdr vrrp")
    drops.__enter__()
    return lambda: drops.__exit__(None, None, None)


def alone(lab):
    for node in lab.nodes[1:]:
        node.api_kill()


def gone(lab):
    lab.nodes[1].vipd_stop()


STATES = [
    # name, what happens, where, what a person reads there, and what in `vipctl watch`
    ("healthy", healthy, "h1", "All is well: k8s-node01 holds api. If it fails, k8s-node02 takes over.",
     "api: held by k8s-node01; 2 of 3 servers can take over; next: k8s-node02"),
    ("failover", failover, "h1", "Trouble: Nobody holds api at this moment: k8s-node02 is about to take over.", "api: HELD BY NOBODY"),
    ("split-brain", split, "h1", "servers hold api at once (k8s-node01, k8s-node02", "api: HELD BY 3 SERVERS AT ONCE: k8s-node01, k8s-node02, k8s-node03"),
    ("nobody-can-take-over", alone, "h1", "nobody can take over api (k8s-node02: ", "0 of 3 servers can take over"),
    ("agent-gone", gone, "#gone", "No answer from vipd on k8s-node02 since", "THE AGENT OF THIS NODE DOES NOT ANSWER"),
]


def barriers(browser, axe):
    """What keeps people out who do not see the page, or see it otherwise, by axe-core."""
    browser.js(axe + "; 0")
    found = browser.js(f"axe.run({{runOnly: {json.dumps(RULES)}}}).then(r => r.violations.map("
                       "v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')))")
    return found


@pytest.mark.parametrize("name, make, where, says, watch_says", STATES, ids=[state[0] for state in STATES])
def test_state(lab, browser, terminal, pictures, axe, name, make, where, says, watch_says):
    wait_for("the page knows that all is well again", lambda: browser.text("h1"), lambda text: "All is well" in text, 30)
    undo = make(lab)
    try:
        wait_for(f"the page says {says!r}", lambda: browser.text(where), lambda text: says in " ".join(text.split()), 30)
        assert make is not gone or "k8s-node01 holds api" in browser.text("h1")  # what was, and not that there is nothing
        for dark in (False, True):
            browser.look(dark)
            browser.picture(pictures / f"{name}-{'dark' if dark else 'light'}.png")
            assert not axe or barriers(browser, axe) == []
        terminal.shows(watch_says)
        drawn = pictures / f"watch-{name}.svg"
        drawn.write_text(screenshot.svg(terminal.screen("-e")))
        browser.open(drawn.as_uri())
        browser.picture(drawn.with_suffix(".png"), drawn=True)
    finally:
        if undo:
            undo()


def test_axe_has_looked(axe):
    if not axe:
        pytest.skip("nobody looked for barriers: axe-core is not there (make setup-page; it needs npm)")


def test_several_virtual_routers(nodes, browser, axe):
    """Who holds what stands at the top, and leads to each."""
    [router] = nodes[1].config()["virtual_routers"]
    nodes[1].reconfigure(virtual_routers=[router, {**router, "name": "ingress", "vrid": 101, "addresses": ["2001:db8:79fb::101"]}])
    wait_for("it holds the second", lambda: browser.js("document.querySelector('table')?.innerText ?? ''"),
             lambda text: f"ingress\t{nodes[1].name}\tnobody" in text and f"api\t{nodes[0].name}" in text)
    assert not axe or barriers(browser, axe) == []
    browser.js("document.querySelector('table a[href=\"#router1\"]').click()")
    assert browser.js("document.querySelector(':target').innerText").startswith("ingress")


def test_a_replaced_control_is_not_an_outage(nodes, browser):
    """Not even for a moment."""
    browser.js("""window.outages = 0; new MutationObserver(() => window.outages += !document.getElementById('gone').hidden)
        .observe(document.getElementById('gone'), {attributes: true}); 0""")
    os.kill(nodes[1].vipd_pids()["control"], signal.SIGKILL)
    wait_for("control is there again", lambda: nodes[1].http("GET", "/healthz")[0], lambda status: status == 200)
    nodes[0].drain()
    wait_for("the page is live again", lambda: browser.text("h1"), lambda text: nodes[1].name + " holds api" in text)
    assert browser.js("window.outages") == 0 and browser.text("#gone") == ""


# Instead of the stream, one that the test moves; and the clocks, which it moves as well.
STAND_INS = """
    window.EventSource = class extends EventTarget { constructor() { super(); window.stream = this; } close() {} };
    window.later = 0;
    const clock = performance.now.bind(performance), wall = Date.now;
    performance.now = () => clock() + window.later;
    Date.now = () => wall() + (window.wallLater ?? 0);
"""


def test_after_a_silence(browser):
    """That ends with a beat and without a new connection: the page is as it was, in its title, too. A step of the wall clock
    is no silence."""
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=STAND_INS)["identifier"]
    try:
        browser.open()
        title = browser.js("document.title")
        assert "k8s-node01" in title
        browser.js("window.wallLater = 3600000")
        browser.js("new Promise(done => setTimeout(done, 1500))")  # the page looks once a second
        assert (browser.text("#gone"), browser.js("document.title")) == ("", title)
        browser.js("window.later = 13000")
        wait_for("the page says that it is old", lambda: browser.js("document.title"), lambda seen: seen == "No answer from vipd")
        assert "No answer from vipd on k8s-node02 since" in browser.text("#gone")
        browser.js("stream.dispatchEvent(new Event('beat'))")
        assert (browser.text("#gone"), browser.js("document.title")) == ("", title)
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_without_scripts(nodes, browser):
    browser.open(scripts=False)
    document = browser.call("DOM.getDocument")["root"]["nodeId"]
    text = browser.call("DOM.getOuterHTML", nodeId=document)["outerHTML"]
    for word in (f"{nodes[0].name} holds api", VIP, "reload to see it anew", "apiserver"):
        assert word in text


def test_keyboard(lab, nodes, browser):
    """Everything that can be scrolled or opened can be reached, and news do not take the focus away or close it."""
    healthy(lab)
    wait_for("there are moves", lambda: browser.js("!!document.querySelector('summary')"))
    reached = []
    for _ in range(12):
        browser.key("Tab")
        reached.append(browser.js("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"))
        if reached[-1] == "The last moves":
            break
    assert "Servers of api" in reached and reached[-1] == "The last moves", reached
    browser.key("Enter")
    nodes[2].drain()
    wait_for("there is news", lambda: browser.text("table"), lambda text: "drained" in text)
    assert browser.js("document.querySelector('details').open && document.activeElement.innerText") == "The last moves"


# Words of tables and below the bars that the browser has broken in their middle, as it does with names that are too long.
BROKEN = """[...document.querySelectorAll('th, td, .scale')].flatMap(cell => {
    const found = [], walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walk.nextNode())
        for (const word of walk.currentNode.data.matchAll(/[^\\s-]+/g)) {
            const range = document.createRange();
            range.setStart(walk.currentNode, word.index);
            range.setEnd(walk.currentNode, word.index + word[0].length);
            if (new Set([...range.getClientRects()].map(box => box.top)).size > 1)
                found.push(word[0]);
        }
    return found;
})"""
LONG = "k8s-control-plane-frankfurt-rack-02-with-a-very-long-name.example"


def test_on_a_telephone(browser):
    """Also with names as long as they may be."""
    browser.look(False, width=360)
    assert browser.js("document.documentElement.scrollWidth") <= 360 and browser.js(BROKEN) == []
    browser.js(f"""for (const place of document.querySelectorAll('dd, tbody th, .day > p:not(.scale)'))
        place.textContent = {json.dumps(LONG)}; 0""")
    assert browser.js("document.documentElement.scrollWidth") <= 360 and browser.js(BROKEN) == []
    assert browser.js("document.querySelector('.day svg').getBoundingClientRect().width") > 150


def test_a_name_that_points_here_gets_nothing(browser):
    """Not even the metrics, as a browser asks for them."""
    browser.open("http://rebound.example:9752/healthz")
    assert "address or by localhost" in browser.text("body")
    for path in ("/", "/page.json", "/page/events", "/metrics", "/healthz"):
        assert browser.js(f"fetch('{path}').then(answer => answer.status)") == 421, path


def test_what_others_wrote_stays_text(nodes, browser):
    evil = "<img src=x onerror=alert(1)><script>window.evil = 1</script>"
    nodes[1].reconfigure(more={"name": "evil", "type": "exec", "command": ["/bin/sh", "-c", f"echo '{evil}'; exit 1"]})
    wait_for("the page shows it as it is", browser.text, lambda text: evil in text)
    assert browser.js("document.images.length + document.scripts.length + (window.evil ?? 0)") == 1


def test_the_policy_stops_what_is_not_ours(browser):
    """And so the other tests would see it."""
    browser.js("""for (const [tag, text] of [['script', 'window.evil = 1'], ['style', 'body { color: red }']])
        document.body.append(Object.assign(document.createElement(tag), {textContent: text})); 0""")
    assert browser.js("window.evil ?? 0") == 0
    wait_for("the browser complains", lambda: browser.js("0") == 0 and len(browser.complaints), lambda count: count >= 2)
    browser.complaints.clear()
