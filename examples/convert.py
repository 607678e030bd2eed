#!/usr/bin/env python3
"""Turns public data sets into the input of `wayline replay`: NDJSON, one message a line.

    convert.py retailrocket events.csv.gz cart.ndjson.gz
    convert.py medical appointments.csv.gz appointments.ndjson.gz
    convert.py cdnow CDNOW_sample.txt.gz winback.ndjson.gz
    convert.py onlineretail online_retail.csv.gz retail.ndjson.gz

Only the standard library; the same file always gives the same lines. Each person is
identified (phone, time zone) just before their first event. The data sets hold no phone numbers: each
person gets a made-up one that is valid, unique, and at home in their time zone. README.md says what is
read from where, and which rules are assigned because the data does not say.
"""

import argparse
import csv
import gzip
import io
import json
import sys
from collections import Counter, namedtuple
from datetime import datetime, time, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

# One input: `order` breaks ties of `at`, and the position in the file breaks what is left.
Input = namedtuple("Input", "at order person event message_id properties")

# Area codes that lie wholly in one time zone.
US_AREAS = {
    "America/New_York": ("212", "617", "404", "215"),
    "America/Chicago": ("312", "713", "504", "612"),
    "America/Denver": ("303", "720", "801", "406"),
    "America/Los_Angeles": ("213", "415", "206", "619"),
}
US_ZONES = tuple(US_AREAS)
# Exchanges that are given to subscribers: neither N11 (services) nor 555 (fiction).
US_EXCHANGES = tuple(n for n in range(200, 1000) if n % 100 != 11 and n != 555)


# --- phone numbers -------------------------------------------------------------------------------


def scattered(index, size, factor):
    """The place of `index` among `size`, so that neighbours lie apart; unique below `size`."""
    if not 0 <= index < size:
        raise ValueError(f"no phone number left for person {index} of {size}")
    return index * factor % size


def us_phone(index, zone):
    """A valid number of that zone; unique per (index, zone) below 31 million."""
    areas = US_AREAS[zone]
    size = len(US_EXCHANGES) * 10_000
    place = scattered(index // len(areas), size, 3_141_597)
    exchange = US_EXCHANGES[place // 10_000]
    return f"+1{areas[index % len(areas)]}{exchange}{place % 10_000:04}"


def br_phone(index):
    """A valid mobile number of Vitória (area 27); unique below 30 million."""
    return f"+55279{70_000_000 + scattered(index, 30_000_000, 7_368_787)}"


def gb_phone(index):
    """A valid mobile number of the United Kingdom; unique below one million."""
    return f"+447400{scattered(index, 1_000_000, 618_033):06}"


# --- times ---------------------------------------------------------------------------------------


def rfc3339(at):
    """2015-06-01T05:02:12.117Z"""
    utc = at.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"


def from_milliseconds(ms):
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)


# --- reading and writing -------------------------------------------------------------------------


def read_text(path):
    """Lines of a file, decompressed when its name ends in .gz."""
    opener = gzip.open if path.endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8", newline="")


class Output:
    """NDJSON into a file; gzip (without a date in it) when the name ends in .gz."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.gzip = None
        if path.endswith(".gz"):
            self.gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self.file, mtime=0)
        self.text = io.TextIOWrapper(self.gzip or self.file, encoding="utf-8", newline="\n")

    def write(self, message):
        self.text.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.text.close()
        self.file.close()


def write_inputs(output, inputs, traits_of):
    """Writes sorted inputs; before a person's first event, and when traits change, an identify.

    `traits_of(input)` gives the traits as of that input. Returns how many of each were written.
    """
    known, written = {}, Counter()
    for item in inputs:
        at = rfc3339(item.at)
        traits = traits_of(item)
        if known.get(item.person) != traits:
            known[item.person] = traits
            output.write(
                {"type": "identify", "userId": item.person, "timestamp": at, "traits": traits}
            )
            written["identify"] += 1
        output.write(
            {
                "type": "track",
                "userId": item.person,
                "event": item.event,
                "messageId": item.message_id,
                "timestamp": at,
                "properties": item.properties,
            }
        )
        written["track"] += 1
    return written


# --- data sets -----------------------------------------------------------------------------------


def retailrocket(source, output):
    """RetailRocket: view, addtocart, transaction of a web shop, in milliseconds UTC.

    A row that occurs twice keeps its message id, so that it counts once. The data has no time zone:
    one of four is assigned by visitor.
    """
    rank = {"view": 0, "addtocart": 1, "transaction": 2}
    columns = ("timestamp", "visitorid", "event", "itemid", "transactionid")
    rows = [
        (int(row["timestamp"]), rank[row["event"]], tuple(row[name] for name in columns))
        for row in csv.DictReader(source)
    ]
    rows.sort(key=lambda row: row[:2])

    def to_input(row):
        _, visitor, event, item, transaction = row[2]
        properties = {"item": item}
        if transaction:
            properties["transaction"] = transaction
        message_id = "rr-" + "-".join(row[2])
        return Input(from_milliseconds(row[0]), row[1], visitor, event, message_id, properties)

    def traits_of(item):
        visitor = int(item.person)
        zone = US_ZONES[visitor % 4]
        return {"phone": us_phone(visitor // 4, zone), "timezone": zone}

    return write_inputs(output, map(to_input, rows), traits_of)


def medical(source, output):
    """Medical appointments of Vitória, Brazil: one event, appointment_booked, per appointment.

    The Z of ScheduledDay is not believed: it is the clinic's wall clock. The data gives only the day
    of an appointment; its time of day is assigned: 08:00 + 30 min * (AppointmentID mod 20).
    """
    zone = ZoneInfo("America/Sao_Paulo")
    inputs, patients = [], set()
    for row in csv.DictReader(source):
        number = int(row["AppointmentID"])
        booked = datetime.fromisoformat(row["ScheduledDay"].removesuffix("Z")).replace(tzinfo=zone)
        day = datetime.fromisoformat(row["AppointmentDay"].removesuffix("Z")).date()
        half_hours = 16 + number % 20
        starts = datetime.combine(day, time(half_hours // 2, half_hours % 2 * 30), tzinfo=zone)
        patients.add(row["PatientId"])
        inputs.append(
            Input(
                booked.astimezone(timezone.utc),
                number,
                row["PatientId"],
                "appointment_booked",
                f"med-{number}",
                {
                    "appointment_id": row["AppointmentID"],
                    "starts_at": rfc3339(starts),
                    "local_time": f"{starts:%H:%M}",
                    "clinic": row["Neighbourhood"],
                    "no_show": row["No-show"] == "Yes",
                },
            )
        )
    inputs.sort(key=lambda item: (item.at, item.order))
    index = {patient: place for place, patient in enumerate(sorted(patients))}

    def traits_of(item):
        phone = br_phone(index[item.person])
        return {"phone": phone, "timezone": "America/Sao_Paulo", "language": "pt"}

    return write_inputs(output, inputs, traits_of)


def cdnow(source, output):
    """CDNOW: one purchase per (customer, day) with that day's rows added up, at 12:00 UTC."""
    days = {}
    for line in source:
        # The sample has its own customer number in the second column, the whole file has not.
        fields = line.split()
        customer, (date, quantity, dollars) = fields[0], fields[-3:]
        total = days.setdefault((date, customer), [0, Decimal(0)])
        total[0] += int(quantity)
        total[1] += Decimal(dollars)
    inputs = [
        Input(
            datetime.strptime(date, "%Y%m%d").replace(hour=12, tzinfo=timezone.utc),
            customer,
            customer,
            "purchase",
            f"cdnow-{customer}-{date}",
            {"items": quantity, "total": float(dollars)},
        )
        for (date, customer), (quantity, dollars) in days.items()
    ]
    inputs.sort(key=lambda item: (item.at, item.order))
    zone = "America/New_York"

    def traits_of(item):
        return {"phone": us_phone(int(item.person), zone), "timezone": zone}

    return write_inputs(output, inputs, traits_of)


class Invoice:
    """The rows of one invoice of Online Retail, added up as they are read."""

    def __init__(self, row):
        self.number = row["InvoiceNo"]
        self.customer = str(int(Decimal(row["CustomerID"])))
        self.local = row["InvoiceDate"]
        self.pence = Decimal(0)
        self.codes = {}
        self.country = row["Country"]

    def add(self, row):
        quantity = int(row["Quantity"])
        self.local = min(self.local, row["InvoiceDate"])
        self.pence += Decimal(row["UnitPrice"]) * 100 * quantity
        if quantity > 0:
            self.codes[row["StockCode"]] = None

    def to_input(self, zone):
        wall = datetime.fromisoformat(self.local).replace(tzinfo=zone)
        pence = int(self.pence.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
        return Input(
            wall.astimezone(timezone.utc),
            self.number,
            self.customer,
            "purchase",
            f"retail-{self.number}",
            {
                "invoice": self.number,
                "pence": pence,
                "total": pence / 100,
                "country": self.country,
                "items": list(self.codes),
            },
        )


def onlineretail(source, output):
    """Online Retail: one purchase per invoice that is no cancellation and is worth something.

    InvoiceDate is the wall clock of London. Rows without a customer are left out. `country_name` is
    an attribute as of the person's latest purchase.
    """
    zone = ZoneInfo("Europe/London")
    invoices = {}
    for row in csv.DictReader(source):
        if row["CustomerID"] and not row["InvoiceNo"].startswith("C"):
            if row["InvoiceNo"] not in invoices:
                invoices[row["InvoiceNo"]] = Invoice(row)
            invoices[row["InvoiceNo"]].add(row)
    inputs = [invoice.to_input(zone) for invoice in invoices.values() if invoice.pence > 0]
    inputs.sort(key=lambda item: (item.at, item.order))

    def traits_of(item):
        return {
            "phone": gb_phone(int(item.person)),
            "timezone": "Europe/London",
            "country_name": item.properties["country"],
        }

    return write_inputs(output, inputs, traits_of)


DATASETS = {
    "retailrocket": retailrocket,
    "medical": medical,
    "cdnow": cdnow,
    "onlineretail": onlineretail,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="dataset")
    for name, convert in DATASETS.items():
        command = datasets.add_parser(name, help=convert.__doc__.split("\n", 1)[0])
        command.add_argument("source", help="the data set's file, .gz or not")
        command.add_argument("output", help="NDJSON to write; gzip when it ends in .gz")
    arguments = parser.parse_args()
    with read_text(arguments.source) as source, Output(arguments.output) as output:
        written = DATASETS[arguments.dataset](source, output)
    people, events = written["identify"], written["track"]
    print(f"{arguments.output}: {people} identify, {events} track", file=sys.stderr)


if __name__ == "__main__":
    main()
