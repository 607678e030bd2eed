"""A running `wayline serve` in a folder of its own, asked over HTTP. Must never reach another machine."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("WAYLINE_BIN", str(ROOT / "target/debug/wayline"))


class Server:
    """Starts it, reads where it listens, and asks as its operator."""

    def __init__(self, folder):
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", str(folder / "data"), "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.key = self.line("operator key: ").split()[0]
        self.url = "http://" + self.line("wayline listens on http://").split()[0]

    def line(self, start):
        for line in self.process.stdout:
            if line.startswith(start):
                return line.removeprefix(start)
        sys.exit(f"the server ended without saying {start!r}")

    def ask(self, method, path, body=None, key=None):
        authorization = f"Bearer {self.key}"
        if key:
            authorization = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": authorization, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")

    def open_gateway(self, gateway, port, **settings):
        """An SMPP gateway of the operator, to a port of this machine."""
        settings = {"host": "127.0.0.1", "port": port, "system_id": "wayline"} | settings
        body = {"kind": "smpp", "settings": settings, "secrets": {"password": "secret"}}
        return self.ask("PUT", f"/api/v1/gateways/{gateway}", body)

    def memory_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024

    def problems(self, but=None):
        """Lines that no log may have, but for those with these words."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if ("panicked" in line or " ERROR " in line) and not (but and but in line)]

    def story(self):
        """The end of the log without its requests."""
        lines = self.log.read_text().splitlines()
        return "\n".join([line for line in lines if "api::watch: request" not in line][-20:])

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


def wait_until(done, seconds, what):
    """What `done` gives as soon as it is true; ends the program when that takes too long."""
    end = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.1)
    return found
