"""What went over loopback, as `tshark` reads it: counted by command, with nothing malformed. Must never capture other ports."""

import re
import signal
import socket
import subprocess
import sys
from collections import Counter

from server import wait_until

# Frames of a session end in TCP resets now and then, which are warnings; what SMPP cannot read is an error.
BAD = "_ws.malformed || _ws.expert.severity == error"
COMMANDS = {
    0x01: "bind_receiver",
    0x02: "bind_transmitter",
    0x03: "query_sm",
    0x04: "submit_sm",
    0x05: "deliver_sm",
    0x06: "unbind",
    0x09: "bind_transceiver",
    0x0B: "outbind",
    0x15: "enquire_link",
    0x102: "alert_notification",
    0x103: "data_sm",
    0x80000000: "generic_nack",
}


def command(number):
    """Its name in the standard."""
    if number in COMMANDS:
        return COMMANDS[number]
    request = COMMANDS.get(number & 0x7FFFFFFF)
    return f"{request}_resp" if request else f"{number:#010x}"


class Capture:
    """Captures some ports of loopback into a file."""

    def __init__(self, file, ports):
        self.file, self.ports = file, list(ports)
        ports_of = " or ".join(f"tcp port {port}" for port in ports)
        captures = ["dumpcap", "-q", "-i", "lo", "-B", "16", "-f", ports_of, "-w", str(file)]
        self.process = subprocess.Popen(captures, stderr=subprocess.PIPE, text=True)
        # Its first lines come when it captures.
        for line in self.process.stderr:
            if line.startswith("File:"):
                return
        sys.exit("dumpcap cannot capture; it needs root, or cap_net_raw and cap_net_admin")

    def stop(self):
        """Ends it when everything until now is in the file: a last connection shows up there."""
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            last.connect_ex(("127.0.0.1", self.ports[0]))
            mark = f"tcp.srcport == {last.getsockname()[1]}"
        wait_until(lambda: self.fields(mark, "frame.number", whole=False), 20, "the capture does not go on")
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=20)
        # A frame that was not captured is one that was not checked.
        if not re.search(r"'?lo'?: \d+/0 |Loopback: lo'?: \d+/0 ", said):
            sys.exit(f"the capture is not whole: {said}")

    def fields(self, filters, *names, whole=True):
        """The fields of the frames that pass the filter, a list of rows."""
        decode = [word for port in self.ports for word in ("-d", f"tcp.port=={port},smpp")]
        wanted = [word for name in names for word in ("-e", name)]
        reads = ["tshark", "-r", str(self.file), *decode, "-Y", filters, "-T", "fields", *wanted]
        done = subprocess.run(reads, check=whole, capture_output=True, text=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def counts(self, filters="smpp"):
        """PDUs by command."""
        rows = self.fields(filters, "smpp.command_id")
        numbers = [int(number, 16) for (row,) in rows for number in row.split(",") if number]
        return Counter(command(number) for number in numbers)

    def bad(self, filters=None):
        """Frames that are malformed or have an error, of those that pass the filter."""
        filters = f"({BAD}) && {filters}" if filters else BAD
        return self.fields(filters, "frame.number", "tcp.srcport", "_ws.expert.message", "tcp.payload")


def shown(counts):
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
