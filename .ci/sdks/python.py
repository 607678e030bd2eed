"""A shop's Python server, with Segment's own SDK: identifies a person and tells what they did.

WAYLINE, WRITE_KEY: where to send; PERSON, PHONE: who. Exits with 0 when everything was delivered.
"""

import os
import sys

from segment.analytics.client import Client

failures = []
for gzip in (False, True):
    client = Client(
        os.environ["WRITE_KEY"],
        host=os.environ["WAYLINE"],
        gzip=gzip,
        on_error=lambda error, items: failures.append((error, items)),
        max_retries=2,
    )
    user = os.environ["PERSON"] + ("-gzip" if gzip else "-plain")
    phone = os.environ["PHONE"] + ("2" if gzip else "1")
    client.identify(user, {"phone": phone, "first_name": "Paula", "timezone": "America/New_York"})
    client.page(user, "docs", "Shop")
    client.screen(user, "Cart")
    client.group(user, "club", {"tier": "gold"})
    client.track(user, "signed_up", {"plan": "Silver"}, message_id=f"{user}-signed-up")
    client.track(user, "signed_up", {"plan": "Silver"}, message_id=f"{user}-signed-up")
    client.alias(f"{user}-visitor", user)
    client.shutdown()
sys.exit(f"not delivered: {failures}" if failures else 0)
