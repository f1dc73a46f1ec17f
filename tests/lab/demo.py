# SPDX-License-Identifier: Apache-2.0
"""make demo: thirty seconds in the life of a highly available address, for people who have never heard of VRRP."""

import os
import sys
import textwrap
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testbed"))
import space  # noqa: E402

space.enter()

from testbed import URL, VIP, Cluster, Probe, wait_for  # noqa: E402

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
CHECK_INTERVAL = "250ms"


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def bold(text):
    return paint("1", text)


def say(text):
    """Colours take no room: a text that has them is one line."""
    text = " ".join(text.split())
    lines = [text] if "\x1b" in text else textwrap.wrap(text, 93)
    print(textwrap.indent("\n".join(lines), "   "), flush=True)


class Demo:
    """Steps in which something happens to a server, with what the client saw of each."""

    def __init__(self, lab):
        self.lab, self.probe = lab, None
        self.steps, self.rows = 0, []

    def title(self, text):
        self.steps += 1
        time.sleep(0.8)  # sleep-ok: for the reader
        print(f"\n{bold(f'{self.steps}  {text}')}", flush=True)

    def holder(self, node, why=""):
        """Waits until `node` is the one server with the address that the client can reach."""
        wait_for(f"{node.name} holds the address", node.has_address)
        print("   " + paint("32", f"▸ {node.name} has the address now{why}"), flush=True)
        wait_for(f"the client is served by {node.name}", self.probe.answered_by, lambda name: name == node.name)

    def command(self, node, name):
        """What a person would type on that server, and what it says."""
        print(f"   {node.name}# {bold('vipctl ' + name)}")
        print(textwrap.indent(node.vipctl(name).stdout.rstrip(), "   │ ", lambda line: True), flush=True)

    def client(self, event, node, watch=1.0):
        """What the client saw since the last step, after watching a little longer."""
        time.sleep(watch)  # sleep-ok: what the client sees in that time is what is shown
        window = self.probe.mark()
        requests, gap = window["requests"], window["connect"]["gap_ms"]
        verdict = paint("32", "0 lost") if not requests["lost"] else paint("31", f"{requests['lost']} lost")
        again = f", {requests['retried']} at the second try" if requests["retried"] > requests["lost"] else ""
        say(f"the client: {requests['ok']} requests answered{again}, {verdict}; longest silence {bold(f'{gap:.1f} ms')}")
        self.rows.append((event, node.name, requests["ok"], requests["retried"], requests["lost"], f"{gap:.1f} ms"))

    def summary(self):
        head = ("what happened", "holder after it", "answered", "second try", "lost", "longest silence")
        widths = [max(len(str(row[i])) for row in (head, *self.rows)) for i in range(len(head))]
        print()
        for row in (head, *self.rows):
            cells = [str(c).ljust(w) if i < 2 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
            line = "   " + "   ".join(cells)
            print(bold(line) if row is head else line)
        print(flush=True)
        say("""planned: the old holder keeps the address until the new one has it. Unplanned: the other servers
            miss three advertisements (100 ms apart) or hear that the holder has become unhealthy, and the best of
            them takes over. A request that failed was tried once more on a new connection, as Kubernetes clients
            do; "lost" means that this failed too. The quiet second shows what this machine adds by
            itself.""")


def tell(lab):
    one, two, three = lab.nodes
    demo = Demo(lab)
    print(bold("vipd: one address, three servers, and always exactly one of them holds it\n"))
    say(f"""Three servers run the Kubernetes API; on each of them runs vipd. The best healthy one holds the address
        {VIP}, and if it goes, the next one takes it over. A client asks {URL} a hundred times a
        second from here to the end, and measures every silence to a tenth of a millisecond.""")
    say("""All of it happens in network namespaces on this machine: nothing outside is touched, nothing stays.""")

    demo.title("Election")
    lab.start()
    say(f"the servers have started: {', '.join(f'{n.name} (priority {n.priority})' for n in lab.nodes)}")
    demo.probe = Probe(lab.client, limit_ms=1000)
    demo.holder(one, ": the highest priority wins")
    lab.restore()
    demo.probe.mark()
    demo.client("a quiet second", one)

    demo.title(f"What an operator sees on {one.name}")
    demo.command(one, "status")
    time.sleep(2)  # sleep-ok: for the reader
    demo.probe.mark()

    demo.title("A planned move")
    say(f"{one.name} is going to be upgraded, so it must hold nothing:")
    demo.command(one, "drain")
    demo.holder(two)
    demo.client("planned drain", two)
    say("the upgrade is done:")
    demo.command(one, "resume")
    demo.holder(one, " again")
    demo.client("back from the drain", one)

    demo.title("The API server dies, the machine lives")
    say(f"""kill -9 of the API server on {one.name}. vipd asks it every {CHECK_INTERVAL.replace("ms", " ms")} and gives
        up on it after two failures""")
    one.api_kill()
    demo.holder(two)
    demo.client("death of the API server", two)
    one.api_start()
    say("the API server is back")
    demo.holder(one, " again")
    demo.client("API server back", one)

    demo.title("The machine dies without a word")
    say(f"{one.name} is cut off; every cable still looks connected, so only its silence gives it away")
    one.blackhole()
    demo.holder(two)
    demo.client("silent death of the server", two)
    say(f"{one.name} comes back, still believing that it holds the address")
    one.plug()
    lab.wait_holder(one)
    demo.holder(one, ", and it alone")
    demo.client("return of the server", one)

    demo.title("Summary")
    demo.summary()


def main():
    lab = Cluster(check_interval=CHECK_INTERVAL)
    try:
        tell(lab)
        return 0
    except KeyboardInterrupt:
        print("\ninterrupted; the namespaces and everything in them are gone")
        return 130
    except Exception as error:
        print(f"\nthe demo failed: {error}\n")
        for name, text in lab.logs():
            if text.strip():
                print(f"--- {name}\n{text[-2000:]}")
        return 1
    finally:
        lab.close()


sys.exit(main())
