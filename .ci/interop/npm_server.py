#!/usr/bin/env python3
"""An SMPP server of the npm package `smpp`: texts reach it whole, receipts and a long reply come back, every frame is read by
`tshark` without a mark. Exit code 1 with what is missing. WAYLINE_BIN names the program.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from frames import Capture, shown
from server import Server, wait_until

HERE = Path(__file__).resolve().parent
PATIENCE_SECONDS = 40

# Each way to join parts, and how it binds.
GATEWAYS = {
    "udh8": {"joining": "udh8"},
    "udh16": {"joining": "udh16", "binds": "transmitter_receiver"},
    "sar": {"joining": "sar", "connections": 2},
    "payload": {"joining": "payload", "service_type": "reply"},
}
GSM = 153
UCS2 = 67
# Text, its parts where parts are cut by us, its data_coding.
TEXTS = {
    "plain": ("Club: your table is ready. [£1 = €1.19]", 1, 0),
    "seven": ("".join(f"{number:04d} seven parts of text. " for number in range(100))[: 7 * GSM - 21], 7, 0),
    # The escape pair of € would be cut between the first part and the second.
    "euro": ("e" * (GSM - 1) + "€" + "f" * 100, 2, 0),
    # The two units of the emoji would be.
    "emoji": ("Ж" * (UCS2 - 1) + "🎉" + "Я" * 40, 2, 8),
}
REPLY = ("I would like to come on Tuesday, {but} not before 7 ~ is that fine? " * 6).strip()
REPLY_PARTS = 3


def files():
    """A workspace with a sender for each gateway and a journey for each text through it."""
    senders, journeys = [], {}
    for place, gateway in enumerate(GATEWAYS):
        senders.append(f'  - {{id: {gateway}, number: "+1202555012{place}", kind: long_code, gateway: npm_{gateway}}}')
        for name in TEXTS:
            journeys[f"journeys/{gateway}_{name}.yaml"] = f"""
journey: {gateway}_{name}
purpose: transactional
entry: {{event: {gateway}_{name}}}
steps:
  say: {{send: {{sms: "{{{{ event.text }}}}", sender: {gateway}}}}}
"""
    workspace = """
workspace: club
name: Club
brand: Club
country: US
time_zone: America/New_York
consent: single_opt_in
senders:
"""
    return {"workspace.yaml": workspace + "\n".join(senders) + "\n"} | journeys


class Peer:
    """The npm server, and what it has told."""

    def __init__(self, folder):
        package = folder / "npm"
        shutil.copytree(HERE / "npm", package, ignore=shutil.ignore_patterns("node_modules"))
        npm = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(npm, cwd=package, check=True)
        self.told = folder / "told"
        with self.told.open("w") as told:
            environment = os.environ | {"REPLY": REPLY, "REPLY_PARTS": str(REPLY_PARTS)}
            self.process = subprocess.Popen(["node", "peer.mjs"], cwd=package, stdout=told, env=environment)
        (first, *_) = wait_until(self.lines, 20, "the npm server does not say its port")
        self.port = first["port"]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def lines(self):
        return [json.loads(line) for line in self.told.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def story(self):
        told = [line for line in self.lines() if line.get("event") not in ("asked", "answered")]
        return "\n".join(str(line)[:200] for line in told[-20:])

    def events(self, event):
        return [line for line in self.lines() if line.get("event") == event]


def send(server):
    """One text of each kind through each gateway; gives what is to arrive, by the person's number."""
    key = server.ask("POST", "/api/v1/workspaces/club/keys", {"name": "interop", "scopes": ["write"]})["key"]
    batch, expected = [], {}
    for gateway in GATEWAYS:
        for name, (text, parts, data_coding) in TEXTS.items():
            phone, person = f"+121255501{len(expected):02d}", f"{gateway}_{name}"
            batch.append({"type": "identify", "userId": person, "traits": {"phone": phone}})
            batch.append({"type": "track", "userId": person, "event": person, "properties": {"text": text}})
            parts = 1 if gateway == "payload" else parts
            expected[phone[1:]] = {"text": text, "parts": parts, "data_coding": data_coding}
    server.ask("POST", "/v1/batch", {"batch": batch}, key=key)
    return expected


def arrived(peer):
    texts = peer.events("text")
    return {it["to"]: {name: it[name] for name in ("text", "parts", "data_coding")} for it in texts}


def states(server):
    return {
        person: [item["state"] for item in server.ask("GET", f"/api/v1/workspaces/club/journeys/{person}/messages")["items"]]
        for person in (f"{gateway}_{name}" for gateway in GATEWAYS for name in TEXTS)
    }


def replies(server):
    """What stands in the timeline of those who wrote."""
    found = {}
    for name in TEXTS:
        person = f"payload_{name}"
        (contact,) = server.ask("GET", f"/api/v1/workspaces/club/contacts?search={person}")["items"]
        timeline = server.ask("GET", f"/api/v1/workspaces/club/contacts/{contact['id']}/timeline")
        found[person] = json.dumps(timeline).count(json.dumps(REPLY)[1:-1])
    return found


def exchange(server, peer):
    """Everything that is said between the two."""
    for gateway, settings in GATEWAYS.items():
        server.open_gateway(f"npm_{gateway}", peer.port, system_id=f"wayline_{gateway}", enquire_link_seconds=1, **settings)
    server.ask("PUT", "/api/v1/workspaces/club", {"files": files()})
    expected = send(server)
    wait_until(lambda: arrived(peer) == expected, PATIENCE_SECONDS, lambda: difference(arrived(peer), expected))
    count = len(peer.events("text"))
    assert count == len(expected), f"{count} texts came where {len(expected)} were sent"
    delivered = {person: ["delivered"] for person in states(server)}
    wait_until(lambda: states(server) == delivered, PATIENCE_SECONDS, lambda: states(server))
    once = {f"payload_{name}": 1 for name in TEXTS}
    wait_until(lambda: replies(server) == once, PATIENCE_SECONDS, lambda: replies(server))
    wait_until(lambda: peer.events("answered"), 10, "our side does not answer enquire_link")
    return expected


def difference(found, expected):
    return "\n".join(f"{to}: expected {expected[to]}\n  found {found.get(to)}" for to in expected if found.get(to) != expected[to])


def main():
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        folder = Path(folder)
        peer = Peer(folder)
        ending.callback(peer.stop)
        capture = Capture(folder / "npm.pcapng", [peer.port])
        ending.callback(capture.process.kill)
        server = Server(folder)
        ending.callback(server.process.kill)
        try:
            expected = exchange(server, peer)
        except (AssertionError, TimeoutError) as error:
            sys.exit(f"{error}\n{peer.story()}\n{server.story()}")
        code = server.stop()
        peer.stop()
        capture.stop()
        check(code, server, peer, capture)
        print(f"ok   npm smpp: {len(expected)} texts whole, {len(expected)} delivered, {len(TEXTS)} replies of {REPLY_PARTS} parts")
        print(f"ok   tshark: nothing malformed in {shown(capture.counts())}")


def check(code, server, peer, capture):
    """What must hold when it is over."""
    problems = [f"the server ended with {code}"] if code else []
    problems += server.problems()
    problems += [str(line) for line in peer.events("error")]
    binds, unbinds = len(peer.events("bound")), len(peer.events("unbound"))
    problems += [f"{binds} binds and {unbinds} unbinds"] if binds != unbinds else []
    problems += [f"answer to a delivery: {line}" for line in peer.events("delivered") if line["status"]]
    problems += [f"malformed: {row}" for row in capture.bad()]
    counts = capture.counts()
    wanted = ("bind_transceiver", "bind_transmitter", "bind_receiver", "submit_sm", "deliver_sm", "unbind")
    problems += [f"no {name} was captured" for name in wanted if not counts[name]]
    problems += [
        f"{counts[name]} {name} and {counts[f'{name}_resp']} answers"
        for name in wanted
        if counts[name] != counts[f"{name}_resp"]
    ]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
