#!/usr/bin/env python3
"""Throws generated requests at a running wayline and holds every answer against its own OpenAPI document.

Starts the built program in a folder of its own, with the example shop and a few people in it, and runs
Schemathesis against it: no 5xx, no answer that the document does not describe, nothing open without a key.
The seed is fixed, so a failure comes again. By default it takes a minute and a half; `--minutes 60` looks longer
and elsewhere (another seed each time, which it prints). Exit code 1 when something is wrong.
"""

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"
VERSION = "4.32.5"
SEED = 2026
# The feed never ends, so it cannot be read as a whole.
NEVER_ENDS = "/feed"
# 422 answers what no schema can say: a text that is no definition, a cursor of another list.
NOT_CHECKED = "positive_data_acceptance"
BY_HAND = """\
journey: by_hand
purpose: transactional
entry: {api: true}
steps:
  hello: {send: {sms: "Hello."}}
"""


def installed():
    """The schemathesis command, in a virtual environment outside the tree."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    place = cache / f"wayline-schemathesis-{VERSION}"
    tool = place / "bin" / "schemathesis"
    if not tool.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(place / "bin" / "pip"), "install", "--quiet", f"schemathesis=={VERSION}"]
        subprocess.run(pip, check=True)
    return tool


class Program:
    """A running wayline."""

    def __init__(self, binary, folder):
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            [str(binary), "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "data")],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.key = self.url = ""
        for line in self.process.stdout:
            if line.startswith("operator key: "):
                self.key = line.split()[-1]
            if line.startswith("wayline listens on "):
                self.url = line.split()[3]
                break
        if not self.url:
            raise SystemExit(f"wayline did not start: {(folder / 'log').read_text()}")

    def ask(self, method, path, body=None, key=None):
        """One request with a JSON body; what it answers."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key or self.key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def stop(self):
        """Ends it in order. Returns whether it was still there and ended well."""
        alive = self.process.poll() is None
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.log.close()
        return alive and code == 0


def filled(program):
    """Puts a workspace, people and messages into it. Returns a key of the workspace and ids that are there."""
    files = {"journeys/by_hand.yaml": BY_HAND}
    for path in [SHOP / "workspace.yaml", *sorted((SHOP / "journeys").glob("*.yaml"))]:
        files[path.relative_to(SHOP).as_posix()] = path.read_text()
    program.ask("PUT", "/api/v1/workspaces/juniper", {"files": files})
    new = {"name": "generated requests", "scopes": ["write", "read", "manage"]}
    key = program.ask("POST", "/api/v1/workspaces/juniper/keys", new)["key"]
    batch = []
    for number in range(1, 6):
        user = f"user-{number}"
        traits = {"phone": f"+1212555010{number}", "email": f"{user}@example.com"}
        order = {"order_id": f"o-{number}", "value": 30}
        batch += [
            {"type": "identify", "userId": user, "traits": traits},
            {"type": "consent", "userId": user, "state": "opted_in", "source": "web_form"},
            {"type": "track", "userId": user, "event": "purchase", "properties": order},
        ]
    program.ask("POST", "/v1/batch", {"batch": batch}, key)
    enroll = "/api/v1/workspaces/juniper/journeys/by_hand/enroll"
    contact = program.ask("POST", enroll, {"user_id": "user-1"})["contact"]["id"]
    messages = program.ask("GET", "/api/v1/workspaces/juniper/journeys/by_hand/messages")
    ids = {"workspace": "juniper", "journey": "by_hand", "version": 1, "contact": contact}
    return key, ids | {"message": messages["items"][0]["id"]}


def settings(program, key, ids):
    """Schemathesis' settings as TOML. `ids`: what paths name; without them they name anything."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    lines = [
        f'headers = {{ Authorization = "Bearer {program.key}" }}',
        "[[operations]]",
        'include-path-regex = "^/v1/"',
        f'headers = {{ Authorization = "Basic {basic}" }}',
    ]
    if ids:
        lines.append("[parameters]")
        lines += [f'"path.{name}" = {json.dumps(value)}' for name, value in ids.items()]
    return "\n".join(lines) + "\n"


def run(tool, program, folder, name, config, arguments):
    """One run of Schemathesis. Returns whether all was well."""
    file = folder / f"{name}.toml"
    file.write_text(config)
    print(f"== {name}", flush=True)
    command = [str(tool), "--config-file", str(file), "run", f"{program.url}/api/v1/openapi.json"]
    command += ["--exclude-path-regex", NEVER_ENDS, "--no-color", "--warnings", "off"]
    command += ["--exclude-checks", NOT_CHECKED]
    command += ["--generation-database", "none", "--request-timeout", "40", *arguments]
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, help="look so long instead")
    parser.add_argument("--seed", type=int, help=f"where to look; {SEED} unless --minutes is given")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "debug" / "wayline")
    options = parser.parse_args()
    tool = installed()
    seed = options.seed
    if seed is None:
        seed = SEED if options.minutes is None else random.SystemRandom().randrange(2**31)
    examples, seconds = (15, 90) if options.minutes is None else (5_000, options.minutes * 60)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="wayline-schemathesis-") as folder:
        folder = Path(folder)
        program = Program(options.binary, folder)
        good = False
        try:
            key, ids = filled(program)
            arguments = ["--seed", str(seed), "--max-examples", str(examples)]
            arguments += ["--max-time", str(int(seconds / 2)), "--continue-on-failure"]
            # One worker: Python 3.11 reads its own sources wrong when two threads do.
            # Where things are, to come far; anywhere, to be refused well.
            there = settings(program, key, ids)
            # (What is named is always right there, so what is sent is, too.)
            right = ["--mode", "positive"]
            good = run(tool, program, folder, "there", there, arguments + right)
            anywhere = settings(program, key, {})
            good &= run(tool, program, folder, "anywhere", anywhere, arguments)
        finally:
            ended = program.stop()
        if "a request failed by a bug" in (log := (folder / "log").read_text()) or not ended:
            print(log[-4_000:], file=sys.stderr)
            good = False
    return 0 if good and ended else 1


if __name__ == "__main__":
    sys.exit(main())
