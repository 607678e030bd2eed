#!/usr/bin/env python3
"""Compares what a replay sent with an independently computed list, line for line.

    compare.py abandoned_cart out/messages.csv expected.csv.gz
    compare.py appointments   out/messages.csv expected.csv.gz
    compare.py appointments   out/messages.csv answers.json      (counts of the capped variant)
    compare.py winback        out/messages.csv expected.csv.gz
    compare.py winback_retail out/messages.csv expected.csv.gz

Prints how many lines are equal and exits 0, or prints the first that differ and exits 1.
"""

import argparse
import csv
import gzip
import json
import sys
from collections import Counter, namedtuple

# How the rows of messages.csv become the lines of an expected file: its header, the line of a row,
# and the order of the lines.
Shape = namedtuple("Shape", "header line order")

CART_STEPS = {"remind": "1", "step_1": "1", "step_2": "2", "step_3": "3"}
REMINDERS = {"r24": "R24", "r2": "R2"}

SHAPES = {
    "abandoned_cart": Shape(
        ("send_at_utc", "visitor", "step"),
        lambda row: (row["sent_at"], row["contact"], CART_STEPS[row["step"]]),
        lambda line: (line[0], int(line[1]), int(line[2])),
    ),
    "appointments": Shape(
        ("send_at_utc", "appointment", "kind"),
        lambda row: (row["sent_at"], row["key"], REMINDERS[row["step"]]),
        lambda line: (line[0], int(line[1]), line[2] != "R24"),
    ),
    "winback": Shape(
        ("due_date", "customer"),
        lambda row: (row["sent_at"].removesuffix("T12:00:00.000Z"), row["contact"]),
        lambda line: line,
    ),
    "winback_retail": Shape(
        ("send_at_utc", "customer"),
        lambda row: (row["sent_at"], row["contact"]),
        lambda line: (line[0], int(line[1])),
    ),
}


def read_rows(path):
    """Rows of a CSV file, decompressed when its name ends in .gz."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def read_messages(path):
    """Rows of messages.csv as dictionaries."""
    rows = read_rows(path)
    header = next(rows)
    for row in rows:
        yield dict(zip(header, row, strict=True))


def compare_lines(shape, messages, expected_path, shown):
    """Whether the sent messages are exactly the expected lines."""
    expected = [tuple(row) for row in read_rows(expected_path)]
    if expected[0] != shape.header:
        found, wanted = ",".join(expected[0]), ",".join(shape.header)
        print(f"{expected_path} has the columns {found}, not {wanted}")
        return False
    expected = sorted(expected[1:], key=shape.order)
    sent = (shape.line(row) for row in messages if row["outcome"] == "sent")
    actual = sorted(sent, key=shape.order)
    if actual == expected:
        print(f"equal: {len(actual)} of {len(expected)} lines")
        return True
    missing, extra = Counter(expected), Counter(actual)
    both = missing & extra
    missing, extra = missing - both, extra - both
    print(f"different: {both.total()} of {len(expected)} lines equal, "
          f"{missing.total()} missing, {extra.total()} too many")
    marked = [(line, "-") for line in missing.elements()]
    marked += [(line, "+") for line in extra.elements()]
    for line, sign in sorted(marked, key=lambda pair: (shape.order(pair[0]), pair[1]))[:shown]:
        print(f"  {sign} {','.join(line)}")
    return False


def compare_counts(messages, answers_path):
    """Whether the capped reminders add up to the answers."""
    with open(answers_path, encoding="utf-8") as file:
        answer = json.load(file)["a2_medical_reminders"]["Q1_cap_1_per_patient_per_local_day"]
    counts = Counter()
    for row in messages:
        kind = REMINDERS[row["step"]]
        if row["outcome"] == "sent":
            counts.update(("sent", f"sent {kind}"))
        elif row["outcome"] == "dropped" and row["reason"] == "cap_full":
            counts[f"capped {kind}"] += 1
    expected = {"sent": answer["sent"]}
    for kind in ("R24", "R2"):
        expected[f"sent {kind}"] = answer[f"sent_{kind}"]
        expected[f"capped {kind}"] = answer["capped"][kind]
    for name, count in expected.items():
        verdict = "equal" if counts[name] == count else f"different: expected {count}"
        print(f"{name}: {counts[name]} {verdict}")
    return all(counts[name] == count for name, count in expected.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("case", choices=SHAPES)
    parser.add_argument("messages", help="messages.csv of `wayline replay`")
    parser.add_argument("expected", help="the expected lines (.csv, .csv.gz) or answers (.json)")
    parser.add_argument("--show", type=int, default=20, help="differences to print (default 20)")
    arguments = parser.parse_args()
    messages = read_messages(arguments.messages)
    if arguments.expected.endswith(".json"):
        equal = compare_counts(messages, arguments.expected)
    else:
        equal = compare_lines(SHAPES[arguments.case], messages, arguments.expected, arguments.show)
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
