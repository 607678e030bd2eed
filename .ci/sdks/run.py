#!/usr/bin/env python3
"""Segment's real SDKs drive a journey end to end: npm `@segment/analytics-node`, PyPI `segment-analytics-python`.

Installs both into a temporary folder, starts `wayline serve`, lets each SDK sign people up, and looks at the texts
that the journey sent them. Exit code 1 with what is missing. WAYLINE_BIN names the program.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = os.environ.get("WAYLINE_BIN", str(ROOT / "target/debug/wayline"))
# The newest send the key as Basic authorization, those before them in the body.
NODE_SDKS = ("3.1.0", "2.1.0")
PYTHON_SDKS = ("2.4.0", "2.3.3")
PATIENCE_SECONDS = 30

FILES = {
    "workspace.yaml": """
workspace: sdk
name: Club
brand: Club
country: US
time_zone: America/New_York
consent: single_opt_in
senders: [{id: main, number: "+12025550100", kind: ten_dlc, gateway: sandbox}]
""",
    "journeys/greeting.yaml": """
journey: greeting
name: Greeting
purpose: transactional
entry: {event: signed_up}
steps:
  hello: {send: {sms: "{{ workspace.brand }}: {{ contact.first_name }}, your {{ event.plan }} card is ready."}}
""",
}
GOLD = "Club: Nora, your Gold card is ready."
SILVER = "Club: Paula, your Silver card is ready."


class Server:
    """A running `wayline serve` in a folder of its own."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", folder, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.key = self.line("operator key: ").split()[0]
        self.url = "http://" + self.line("wayline listens on http://").split()[0]

    def line(self, start):
        for line in self.process.stdout:
            if line.startswith(start):
                return line.removeprefix(start)
        sys.exit(f"the server ended without saying {start!r}")

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)


def installed_node(folder, version):
    """The command that runs the Node.js program with this version of the SDK."""
    folder.mkdir()
    shutil.copy(HERE / "node.mjs", folder)
    sdk = f"@segment/analytics-node@{version}"
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--silent", sdk]
    subprocess.run(npm, cwd=folder, check=True)
    return ["node", str(folder / "node.mjs")]


def installed_python(folder, version):
    """The command that runs the Python program with this version of the SDK."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin/python")
    sdk = f"segment-analytics-python=={version}"
    subprocess.run([python, "-m", "pip", "install", "--quiet", sdk], check=True)
    return [python, str(HERE / "python.py")]


def people(folder):
    """Each SDK with who it signs up: the command, its environment, and the texts they are to get."""
    for place, version in enumerate(NODE_SDKS):
        person, phone = f"node-{version}", f"+1212555018{place}"
        command = installed_node(folder / person, version)
        yield command, {"PERSON": person, "PHONE": phone}, {person: [(phone, GOLD)]}
    for place, version in enumerate(PYTHON_SDKS):
        person, phone = f"python-{version}", f"+121255501{7 + place * 2}"
        command = installed_python(folder / person, version)
        texts = {f"{person}-plain": [(f"{phone}1", SILVER)], f"{person}-gzip": [(f"{phone}2", SILVER)]}
        yield command, {"PERSON": person, "PHONE": phone}, texts


def texts(server):
    """What was sent, by the business's id of the person."""
    found = {}
    for item in server.ask("GET", "/api/v1/workspaces/sdk/journeys/greeting/messages")["items"]:
        if item["state"] in ("submitted", "delivered"):
            found.setdefault(item["contact"]["external_id"], []).append((item["to"], item["text"]))
    return found


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        server = Server(folder / "data")
        try:
            server.ask("PUT", "/api/v1/workspaces/sdk", {"files": FILES})
            key = server.ask("POST", "/api/v1/workspaces/sdk/keys", {"name": "sdk", "scopes": ["write"]})
            where = {"WAYLINE": server.url, "WRITE_KEY": key["key"]}
            expected = {}
            for command, who, texts_of in people(folder):
                subprocess.run(command, env=os.environ | where | who, check=True)
                expected |= texts_of
            end = time.monotonic() + PATIENCE_SECONDS
            while (found := texts(server)) != expected:
                if time.monotonic() > end:
                    sys.exit(f"expected {expected}\nfound    {found}")
                time.sleep(0.1)
        finally:
            code = server.stop()
    if code:
        sys.exit(f"the server ended with {code}")
    print(f"ok   Node.js {NODE_SDKS}, Python {PYTHON_SDKS}: {len(expected)} people texted once each")


if __name__ == "__main__":
    main()
