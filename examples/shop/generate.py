#!/usr/bin/env python3
"""Invents thirty days of a coffee shop and writes events.ndjson.gz beside this file.

    generate.py [--people 2000] [--days 30] [--seed 7] [--output FILE]

The same arguments give the same lines on every machine: only Random.random() is used, whose sequence
Python promises to keep. Nothing in it is about a real person.
"""

import argparse
import random
import sys
from datetime import datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from convert import Output, rfc3339, us_phone  # noqa: E402

START = datetime(2026, 3, 1, tzinfo=timezone.utc)  # the clocks change on 8 March
ZONES = (
    ("America/New_York", 0.45),
    ("America/Chicago", 0.28),
    ("America/Denver", 0.09),
    ("America/Los_Angeles", 0.18),
)
NAMES = (
    "Ada Alma Amir Ana Ben Bea Caleb Carmen Chloe Dana Diego Elena Eli Emma Ezra Faye Felix Gia Grace "
    "Hana Hugo Ida Ivy Jack Jada Joel June Kai Kira Leo Lena Luis Luz Maya Milo Mina Nadia Noah Nora "
    "Omar Opal Pablo Pia Quinn Rosa Ruben Ruth Sam Sofia Theo Tess Uma Vera Victor Wren Yara Zoe"
).split()
ITEMS = (
    ("House Blend", 16), ("Ethiopia Guji", 21), ("Decaf Huila", 18), ("Espresso Nero", 19),
    ("Hand Grinder", 64), ("Pour-over Set", 48), ("Paper Filters", 9), ("Travel Mug", 28),
)
CLASSES = ("Latte Art", "Brewing Basics", "Cupping")
# Share of visits by local hour: mornings and evenings.
HOURS = (1, 1, 0, 0, 0, 1, 3, 6, 7, 6, 5, 5, 6, 5, 4, 4, 5, 7, 9, 11, 11, 9, 5, 2)


class Dice:
    """Draws, all made of Random.random()."""

    def __init__(self, seed):
        self.next = random.Random(seed).random

    def chance(self, share):
        return self.next() < share

    def whole(self, low, high):
        """low..=high, each as likely."""
        return low + int(self.next() * (high - low + 1))

    def pick(self, items):
        return items[int(self.next() * len(items))]

    def weighted(self, pairs):
        left = self.next() * sum(weight for _, weight in pairs)
        for item, weight in pairs:
            left -= weight
            if left < 0:
                return item
        return pairs[-1][0]

    def milliseconds(self, low, high):
        return timedelta(milliseconds=self.whole(low, high))


class Shop:
    """Collects the lines of the file: (time, arrival, message)."""

    def __init__(self, dice, days):
        self.dice = dice
        self.days = days
        self.end = START + timedelta(days=days)
        self.lines = []

    def add(self, at, message):
        """A message that reaches us when it happens, but now and then late, or twice."""
        number = len(self.lines) + 1
        if message["type"] != "consent":
            message["messageId"] = f"jc-{number:06}"
        message["timestamp"] = rfc3339(at)
        arrives = at
        if message["type"] == "track" and self.dice.chance(0.004):
            arrives += self.dice.milliseconds(60_000, 7_200_000)
        self.lines.append((arrives, number, message))
        if message["type"] == "track" and self.dice.chance(0.008):
            again = arrives + self.dice.milliseconds(500, 90_000)
            self.lines.append((again, number, message))

    def track(self, person, at, event, **properties):
        if at < self.end:
            self.add(at, {"type": "track", "userId": person["id"], "event": event,
                          "properties": properties})

    def consent(self, person, at, state, source):
        self.add(at, {"type": "consent", "userId": person["id"], "channel": "sms",
                      "state": state, "source": source})

    def identify(self, person, at):
        traits = {"phone": person["phone"], "first_name": person["name"],
                  "language": person["language"], "timezone": person["shown_zone"],
                  "tier": person["tier"]}
        known = {name: value for name, value in traits.items() if value}
        self.add(at, {"type": "identify", "userId": person["id"], "traits": known})


def make_person(dice, index):
    """Who they are, and how much they like coffee."""
    zone = dice.weighted(ZONES)
    lives_in = dice.weighted(ZONES) if dice.chance(0.06) else zone  # moved, kept the number
    return {
        "id": f"p{index:04}",
        "phone": us_phone(index, zone) if dice.chance(0.98) else "",
        "name": dice.pick(NAMES) if dice.chance(0.93) else "",
        "language": "es" if dice.chance(0.14) else "en",
        "zone": ZoneInfo(lives_in),
        "shown_zone": lives_in if dice.chance(0.85) else "",
        "tier": "gold" if dice.chance(0.08) else "",
        "visits": dice.weighted(((0, 6), (1, 30), (2, 28), (3, 18), (5, 12), (8, 6))),
    }


def at_some_hour(dice, person, day):
    """An instant of that local day, when people are up."""
    hour = dice.weighted(tuple(enumerate(HOURS)))
    wall = datetime.combine((START + timedelta(days=day)).date(), time(hour), tzinfo=person["zone"])
    return wall.astimezone(timezone.utc) + dice.milliseconds(0, 3_599_999)


def visit(shop, person, at, number):
    """Some pages, perhaps a cart, perhaps an order."""
    dice = shop.dice
    for _ in range(dice.whole(1, 4)):
        item, _ = dice.pick(ITEMS)
        shop.track(person, at, "page_viewed", page=item.lower().replace(" ", "-"))
        at += dice.milliseconds(5_000, 240_000)
    if not dice.chance(0.42):
        return
    cart, value = f"{person['id']}-c{number}", 0
    for _ in range(dice.weighted(((1, 60), (2, 28), (3, 12)))):
        item, price = dice.pick(ITEMS)
        value += price
        shop.track(person, at, "addtocart", cart_id=cart, item=item, value=value)
        at += dice.milliseconds(20_000, 600_000)
    # Most who buy do so at once; some come back by themselves later.
    if dice.chance(0.38):
        at += dice.milliseconds(30_000, 1_800_000)
    elif dice.chance(0.18):
        at += dice.milliseconds(3_600_000, 36_000_000)
    else:
        return
    shop.track(person, at, "purchase", order_id=f"{person['id']}-{number}", item=item, value=value)


def book_class(shop, person, joined, booking):
    """A class some days ahead, in the shop of the person's own city."""
    dice = shop.dice
    booked = at_some_hour(dice, person, dice.whole(0, shop.days - 8))
    day = booked.astimezone(person["zone"]).date() + timedelta(days=dice.whole(0, 7))
    starts = datetime.combine(day, time(dice.whole(9, 18), dice.pick((0, 30))), tzinfo=person["zone"])
    if starts > booked > joined:
        shop.track(person, booked, "class_booked", booking_id=f"b{booking:04}",
                   starts_at=rfc3339(starts), local_time=f"{starts:%H:%M}",
                   **{"class": dice.pick(CLASSES)})


def live(shop, person, index):
    """Thirty days of one person."""
    dice = shop.dice
    joined = START + dice.milliseconds(0, 3_600_000)
    way = dice.weighted((("import", 62), ("form", 18), ("none", 20)))
    if way == "form":
        joined = at_some_hour(dice, person, dice.whole(1, shop.days - 4))
    shop.identify(person, joined)
    if way == "import":
        shop.consent(person, joined, "opted_in", "import")
    elif way == "form":
        shop.consent(person, joined, "opted_in", "form")
        shop.track(person, joined + timedelta(seconds=1), "signed_up", form="footer")
    for number in range(person["visits"]):
        at = at_some_hour(dice, person, dice.whole(0, shop.days - 1))
        if at > joined:
            visit(shop, person, at, number)
    if dice.chance(0.08):
        book_class(shop, person, joined, index)
    if way != "none" and dice.chance(0.02):
        left = at_some_hour(dice, person, dice.whole(5, shop.days - 1))
        if left > joined:
            shop.consent(person, left, "opted_out", "preference_centre")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", default=str(HERE / "events.ndjson.gz"))
    arguments = parser.parse_args()
    dice = Dice(arguments.seed)
    shop = Shop(dice, arguments.days)
    for index in range(arguments.people):
        live(shop, make_person(dice, index), index)
    shop.lines.sort(key=lambda line: line[:2])
    with Output(arguments.output) as output:
        for _, _, message in shop.lines:
            output.write(message)
    print(f"{arguments.output}: {len(shop.lines)} messages", file=sys.stderr)


if __name__ == "__main__":
    main()
