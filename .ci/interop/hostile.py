#!/usr/bin/env python3
"""Case 8 of ten: the SMSCs of Jasmin's own tests, one gateway and one text each: what do we do? Prints a table and compares each row with
`hostile.json`. Exit code 1 with what differs. WAYLINE_BIN names the program; UPDATE_EXPECT=1 rewrites the table of
docs/operations/interoperation.md.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from frames import Capture, shown
from server import ROOT, Server, wait_until

HERE = Path(__file__).resolve().parent
DOCUMENT = ROOT / "docs/operations/interoperation.md"
JASMIN = "0.11.1"
JASMIN_SHA256 = "6edd75f3570891e56b95bf6401790b6f7ee89a1c5ecd433da923871b7a5984c4"
# The longest that any of them takes to show itself: a bind, or a PDU, that does not end has 10 s.
PATIENCE_SECONDS = 40
# After that nothing new may happen: a text that went must not go again.
QUIET_SECONDS = 5
RESPONSE_SECONDS = 5
ENQUIRE_LINK_SECONDS = 10
MEMORY_GROWTH_BYTES_MAX = 64 * 1024 * 1024
# What is expected of each: `settings` of its gateway, how its session and its text end, and what the operator reads.
ROWS = {row["smsc"]: row for row in json.loads((HERE / "hostile.json").read_text())}
# What `smscs.py` has a person say.
REPLY = "who is this?"
BEGIN, END = "<!-- from .ci/interop/hostile.json -->", "<!-- until here -->"


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().replace("__", "_")


def installed(folder):
    """The interpreter that has what Jasmin's SMSCs need, and the folder of Jasmin's source."""
    venv.create(folder / "python", with_pip=True)
    python = str(folder / "python/bin/python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-r", str(HERE / "requirements.txt")], check=True)
    source = ["download", f"jasmin=={JASMIN}", "--no-binary", "jasmin", "--no-deps", "-d", str(folder)]
    subprocess.run([*pip, *source], check=True)
    package = folder / f"jasmin-{JASMIN}.tar.gz"
    if hashlib.sha256(package.read_bytes()).hexdigest() != JASMIN_SHA256:
        sys.exit(f"{package.name} is not the package that was looked at")
    shutil.unpack_archive(package, folder)
    return python, folder / f"jasmin-{JASMIN}"


class Smscs:
    """All of them, in one process, and what they have seen."""

    def __init__(self, folder):
        python, source = installed(folder)
        self.seen, self.said = folder / "seen", folder / "said"
        with self.seen.open("w") as seen, self.said.open("w") as said:
            command = [python, str(HERE / "smscs.py"), str(source)]
            self.process = subprocess.Popen(command, stdout=seen, stderr=said)
        (first, *_) = wait_until(self.lines, 30, lambda: self.said.read_text())
        self.ports = first["ports"]

    def lines(self):
        lines = self.seen.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def files(names):
    """A workspace with a sender, a journey and a person for each."""
    senders, journeys = [], {}
    for place, name in enumerate(names):
        id_ = snake(name)
        senders.append(f'  - {{id: {id_}, number: "607{place:02d}", kind: short_code, gateway: {id_}}}')
        journeys[f"journeys/{id_}.yaml"] = f"""
journey: {id_}
purpose: transactional
entry: {{event: {id_}}}
steps:
  say: {{send: {{sms: "Club: your table is ready.", sender: {id_}}}}}
"""
    head = "workspace: club\nname: Club\nbrand: Club\ncountry: US\ntime_zone: America/New_York\nconsent: single_opt_in\n"
    return {"workspace.yaml": head + "senders:\n" + "\n".join(senders) + "\n"} | journeys


def people(smscs):
    """Each person with the SMSC that their text goes to: id, number, SMSC."""
    texts = [name for name in smscs.ports for _ in range(ROWS[name].get("texts", 1))]
    return [(f"{name}-{place}", f"+121255501{place:02d}", name) for place, name in enumerate(texts)]


def begin(server, smscs):
    """Opens the gateways and sends each person one text."""
    for name, port in smscs.ports.items():
        usual = {"enquire_link_seconds": ENQUIRE_LINK_SECONDS, "response_seconds": RESPONSE_SECONDS}
        server.open_gateway(snake(name), port, **usual | ROWS[name].get("settings", {}))
    server.ask("PUT", "/api/v1/workspaces/club", {"files": files(smscs.ports)})
    key = server.ask("POST", "/api/v1/workspaces/club/keys", {"name": "interop", "scopes": ["write"]})["key"]
    batch = []
    for person, phone, name in people(smscs):
        batch.append({"type": "identify", "userId": person, "traits": {"phone": phone}})
        batch.append({"type": "track", "userId": person, "event": snake(name)})
    server.ask("POST", "/v1/batch", {"batch": batch}, key=key)


def went(mine):
    """How often a text may have gone to each person: submits that were not refused."""
    key = lambda line: (line["connection"], line["sequence"])  # noqa: E731
    heard = {key(line): line["to"] for line in mine if line.get("command") == "submit_sm"}
    for line in mine:
        is_refusal = line["event"] == "said" and line["status"] != "ESME_ROK"
        if is_refusal and line["command"] in ("submit_sm_resp", "generic_nack"):
            heard.pop(key(line), None)
    return Counter(heard.values())


def found(server, smscs):
    """What each class saw, and what we say about it."""
    lines, rows = smscs.lines(), {}
    for name in smscs.ports:
        mine = [line for line in lines if line.get("smsc") == name]
        commands = [line["command"] for line in mine if line["event"] == "heard"]
        messages = server.ask("GET", f"/api/v1/workspaces/club/journeys/{snake(name)}/messages")["items"]
        contact = messages[0]["contact"]["id"]
        status = server.ask("GET", f"/api/v1/gateways/{snake(name)}")["status"]
        rows[name] = {
            "message": " and ".join(sorted({message["state"] for message in messages})),
            "problem": status["connection"]["last_problem"],
            "error": ((status["flow"] or {}).get("last_error") or {}).get("text"),
            "submits": commands.count("submit_sm"),
            "binds": sum(command.startswith("bind_") for command in commands),
            "answers": sorted({it for it in commands if it.endswith("_resp") or it == "generic_nack"}),
            "unreadable": [line for line in mine if line["event"] == "unreadable"],
            "twice": [to for to, count in went(mine).items() if count > 1],
            "reply": REPLY in json.dumps(server.ask("GET", f"/api/v1/workspaces/club/contacts/{contact}/timeline")),
        }
    return rows


def differences(rows):
    """Where what was found is not what is written down."""
    wrong = []
    for name, row in ROWS.items():
        seen = rows.get(name)
        if seen is None:
            wrong.append(f"{name} is not in Jasmin {JASMIN}")
            continue
        messages = row["message"] if isinstance(row["message"], list) else [row["message"]]
        submits = row["submits"] if isinstance(row["submits"], list) else [row["submits"]]
        right = {
            "message": seen["message"] in messages,
            "submits": submits == ["again"] or seen["submits"] in submits,
            # A text that was refused may go again; no other may.
            "twice": not seen["twice"],
            "problem": same(row.get("problem"), seen["problem"]),
            "error": len(messages) > 1 or same(row.get("error"), seen["error"]),
            "answers": set(row.get("answers", [])) <= set(seen["answers"]),
            "unreadable": not seen["unreadable"],
            "reply": seen["reply"] == row.get("reply", False),
        }
        wrong += [f"{name}: {what} is {seen[what]}, not {row.get(what)}" for what, holds in right.items() if not holds]
    return wrong + [f"{name} is not in hostile.json" for name in rows if name not in ROWS]


def same(written, shown):
    return shown is None if written is None else written in (shown or "")


def table():
    """The rows as the documentation has them."""
    lines = ["| SMSC | what it does | the session | the text | what the operator reads |", "|---|---|---|---|---|"]
    for name, row in ROWS.items():
        message = row["message"] if isinstance(row["message"], str) else " or ".join(row["message"])
        said = "; ".join(f"*{row[what]}*" for what in ("problem", "error") if row.get(what)) or "nothing"
        lines.append(f"| `{name}` | {row['does']} | {row['session']} | {message} | {said} |")
    return "\n".join(lines)


def check_document():
    """The table in the documentation is this one."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    written = f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
    if os.environ.get("UPDATE_EXPECT"):
        DOCUMENT.write_text(written)
    elif DOCUMENT.read_text() != written:
        sys.exit(f"{DOCUMENT.relative_to(ROOT)} has another table than hostile.json: run this with UPDATE_EXPECT=1")


def watched(server, smscs):
    """Waits until everything is as written down, and then a while longer: nothing may change any more."""
    before = server.memory_bytes()
    begin(server, smscs)
    wait_until(
        lambda: not differences(found(server, smscs)),
        PATIENCE_SECONDS,
        lambda: "\n".join(differences(found(server, smscs))),
    )
    time.sleep(QUIET_SECONDS)
    rows = found(server, smscs)
    wrong = differences(rows)
    grown = server.memory_bytes() - before
    if grown > MEMORY_GROWTH_BYTES_MAX:
        wrong.append(f"memory grew by {grown // 1024} KiB")
    server.ask("GET", "/health/ready")
    return rows, wrong, grown


def main():
    check_document()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        folder = Path(folder)
        smscs = Smscs(folder)
        ending.callback(smscs.stop)
        capture = Capture(folder / "hostile.pcapng", smscs.ports.values())
        ending.callback(capture.process.kill)
        server = Server(folder)
        ending.callback(server.process.kill)
        try:
            rows, wrong, grown = watched(server, smscs)
        except TimeoutError as error:
            sys.exit(f"{error}\n{server.story()}")
        code = server.stop()
        smscs.stop()
        capture.stop()
        wrong += [f"the server ended with {code}"] if code else []
        wrong += server.problems(but="belongs to no workspace")
        ours = " || ".join(f"tcp.dstport == {port}" for port in smscs.ports.values())
        wrong += [f"a malformed PDU of ours: {frame}" for frame in capture.bad(f"({ours})")]
        for name, row in rows.items():
            binds, submits = row["binds"], row["submits"]
            print(f"{name:34} {row['message']:10} binds {binds} submits {submits}  {row['problem'] or row['error'] or ''}")
        if wrong:
            sys.exit("\n".join(wrong))
        print(f"ok   {len(rows)} SMSCs of Jasmin {JASMIN}; memory grew by {grown // 1024} KiB")
        print(f"ok   tshark: nothing malformed in our {shown(capture.counts(ours))}")


if __name__ == "__main__":
    main()
