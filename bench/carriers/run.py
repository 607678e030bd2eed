"""Measures the way of a message through a carrier's protocol, beside another sender, into bench/results/<date>-NAME.md.

    bench/carriers/run.py [NAME] [--messages 50000] [--runs 3] [--program target/release/wayline --carrier target/release/wayline-smsc]

Three carriers on loopback (wayline-smsc): 50 ms away with a window of 10; one that takes 20 a second and throttles
what is more; one that answers at once with a window of 100 and sends receipts. The same carriers are then driven by npm
`smpp`. Ratios count: this measures one machine against itself. It needs node and npm, and installs nothing outside target/.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
TEXT = "Lumen: 15% off this week. Reply STOP to opt out"
WORKSPACE = """workspace: bench
country: US
time_zone: America/New_York
senders:
  - {id: main, number: "+12025550100", kind: ten_dlc, gateway: carrier}
"""
JOURNEY = f"journey: offer\npurpose: transactional\nentry: {{event: offer}}\nsteps:\n  tell: {{send: {{sms: \"{TEXT}\"}}}}\n"


class Carrier:
    """A wayline-smsc of its own, and what it counts."""

    def __init__(self, program, journal, **settings):
        flags = []
        for name, value in settings.items():
            flags += [f"--{name.replace('_', '-')}", str(value)]
        command = [str(program), "--smpp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--journal", str(journal), *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        words = self.process.stdout.readline().split()
        self.smpp, self.http = words[1].rsplit(":", 1)[1], words[3]
        self.journal = journal

    def state(self):
        with urllib.request.urlopen(f"http://{self.http}/control", timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def submits(self):
        """(time in seconds, answer) of each submit, in order."""
        with open(self.journal, encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return [(row["time_ms"] / 1000, row["answer"]) for row in rows]


class Server:
    """A fresh server with the bench's workspace and a gateway to the carrier."""

    def __init__(self, program, folder, carrier, window):
        self.folder = folder
        key = folder / "key"
        command = [str(program), "serve", "--data", str(folder / "data"), "--listen", "127.0.0.1:0", "--operator-key-file", str(key)]
        log = open(folder / "log", "w", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.address = self.wait_for_address()
        self.operator = key.read_text(encoding="utf-8").strip()
        self.put_gateway(carrier, window)
        place = folder / "bench"
        (place / "journeys").mkdir(parents=True)
        (place / "workspace.yaml").write_text(WORKSPACE, encoding="utf-8")
        (place / "journeys" / "offer.yaml").write_text(JOURNEY, encoding="utf-8")
        environment = {**os.environ, "WAYLINE_KEY": self.operator}
        subprocess.run([str(program), "apply", "--yes", "--server", self.address, str(place)], check=True, env=environment, stdout=subprocess.DEVNULL)
        made = self.call("POST", "/api/v1/workspaces/bench/keys", {"name": "bench", "scopes": ["write"]})
        self.write_key = made["key"]

    def wait_for_address(self):
        for _ in range(200):
            text = (self.folder / "log").read_text(encoding="utf-8")
            for word in text.split():
                if word.startswith("http://127.0.0.1:"):
                    return word.strip(".,")
            time.sleep(0.05)
        raise SystemExit("the server did not start: " + text)

    def put_gateway(self, carrier, window):
        settings = {"host": "127.0.0.1", "port": int(carrier.smpp), "system_id": "wayline", "window": window}
        body = {"kind": "smpp", "settings": settings, "secrets": {"password": "secret"}}
        self.call("PUT", "/api/v1/gateways/carrier", body)
        for _ in range(200):
            if self.call("GET", "/api/v1/gateways/carrier")["status"]["connection"]["up"]:
                return
            time.sleep(0.05)
        raise SystemExit("the gateway did not bind")

    def standing(self, verb):
        self.call("POST", f"/api/v1/gateways/carrier/{verb}", {})

    def call(self, method, path, body=None, key=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key or self.operator}", "content-type": "application/json"}
        request = urllib.request.Request(self.address + path, method=method, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def feed(self, count):
        """People who are each sent one text."""
        for first in range(0, count, 250):
            batch = []
            for n in range(first, min(first + 250, count)):
                phone = f"+1206{2000000 + n:07d}"
                batch.append({"type": "identify", "userId": f"u{n}", "traits": {"phone": phone}})
                batch.append({"type": "track", "userId": f"u{n}", "event": "offer"})
            self.call("POST", "/v1/batch", {"batch": batch}, self.write_key)

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def until(what, condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"gave up after {seconds} s: {what}")
        time.sleep(0.1)


def rate(times):
    """Submits a second between the first and the last of them, the ends of a run left out."""
    inner = times[len(times) // 20: len(times) - len(times) // 20]
    return (len(inner) - 1) / (inner[-1] - inner[0])


def ours(options, messages, window, seconds, **settings):
    """Drives a carrier with Wayline. Returns the carrier's rows, its counters, and the server's peak memory."""
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        folder = pathlib.Path(folder)
        carrier = Carrier(options.carrier, folder / "journal", **settings)
        server = Server(options.program, folder, carrier, window)
        try:
            # All of it waits before the first goes: this measures dispatch, not the feeding.
            server.standing("pause")
            server.feed(messages)
            server.standing("resume")
            if seconds:
                time.sleep(seconds)
            else:
                until("all receipts", lambda: carrier.state()["total"]["receipts_acknowledged"] >= messages, 600)
            memory = server.memory_mib()
        finally:
            server.stop()
        state = carrier.state()["total"]
        carrier.stop()
        return carrier.submits(), state, memory


def theirs(options, messages, window, **settings):
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        carrier = Carrier(options.carrier, pathlib.Path(folder) / "journal", **settings)
        command = ["node", str(options.peer / "sender.js"), carrier.smpp, "wayline", "secret", str(window), str(messages)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
        carrier.stop()
        said = json.loads(done.stdout)
        return said["submits"] / said["seconds"]


def install_peer():
    place = ROOT / "target" / "bench-carriers"
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "sender.js"):
        shutil.copy(HERE / name, place / name)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=place, check=True)
    return place


def median(values):
    return statistics.median(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="carriers")
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/wayline")
    parser.add_argument("--carrier", type=pathlib.Path, default=ROOT / "target/release/wayline-smsc")
    parser.add_argument("--only", choices=["window", "throttle", "fast"])
    options = parser.parse_args()
    options.peer = install_peer()
    lines = []

    def say(line):
        print(line, flush=True)
        lines.append(line)

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    day = time.strftime("%Y-%m-%d", time.gmtime())
    say(f"# Carriers over SMPP, {day}, commit {commit}")
    say("")
    say(f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}; medians of {options.runs} runs (each in brackets); full durability.")
    say("")
    say("| carrier | limit | Wayline | of the limit | npm smpp | Wayline to it |")
    say("|---|---|---|---|---|---|")
    if options.only in (None, "window"):
        found = [rate([at for at, _ in ours(options, 2_000, 10, None, latency_ms=50)[0]]) for _ in range(options.runs)]
        other = median([theirs(options, 2_000, 10, latency_ms=50) for _ in range(options.runs)])
        mine = median(found)
        say(f"| 50 ms away, window 10 | 200/s | {mine:.1f}/s ({', '.join(f'{it:.1f}' for it in found)}) | {mine / 200:.3f} | {other:.1f}/s | {mine / other:.2f} |")
    if options.only in (None, "throttle"):
        rows, _, _ = ours(options, 2_500, 10, 75, throughput_per_second=20)
        begin = rows[0][0] + 10
        late = [(at, answer) for at, answer in rows if begin <= at < begin + 60]
        taken = sum(1 for _, answer in late if answer == "ok")
        throttled = sum(1 for _, answer in late if answer == "throttled")
        say(f"| throttles above 20/s, 60 s after the first 10 | 20/s | {taken / 60:.2f}/s, {100 * throttled / max(1, taken + throttled):.2f} % throttled | {taken / 60 / 20:.3f} | – | – |")
    if options.only in (None, "fast"):
        found, memory = [], 0
        for _ in range(options.runs):
            rows, state, peak = ours(options, options.messages, 100, None)
            found.append(rate([at for at, _ in rows]))
            memory = max(memory, peak)
            assert state["receipts_acknowledged"] >= options.messages, state
        other = median([theirs(options, options.messages, 100) for _ in range(options.runs)])
        mine = median(found)
        say(f"| answers at once, window 100, receipts recorded | – | {mine:.0f}/s ({', '.join(f'{it:.0f}' for it in found)}) | – | {other:.0f}/s | {mine / other:.2f} |")
        say("")
        say(f"Peak resident memory of the server: {memory} MiB. npm smpp keeps nothing: it submits from memory and forgets the receipts.")
    place = ROOT / "bench" / "results" / f"{day}-{options.name}.md"
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\nwritten to {place.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
