"""The SMSCs of Jasmin's own tests, each on a port of its own. Runs in an environment that has Twisted and smpp.pdu3.

    smscs.py FOLDER_OF_JASMIN_S_SOURCE

Writes the ports as the first line, then a line of JSON for each connection and each PDU, there and back. Must never change what
a class does to its client; what Jasmin's tests set off by hand is set off here by the first submit or the bind.
"""

import inspect
import json
import sys

sys.path.insert(0, sys.argv[1])

from smpp.pdu.operations import AlertNotification, DeliverSM  # noqa: E402
from tests.protocols.smpp import smsc_simulator  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.internet.protocol import Factory, Protocol  # noqa: E402

REPLY = "who is this?"
AFTER_SECONDS = 0.3


def say(**what):
    print(json.dumps(what), flush=True)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def set_off(smsc, pdu):
    """What the class has a method for and does not do by itself."""
    command = pdu.commandId.name
    if isinstance(smsc, smsc_simulator.AlertNotificationSMSC) and command == "submit_sm":
        smsc.sendPDU(AlertNotification(esme_addr=pdu.params["source_addr"], source_addr=pdu.params["destination_addr"]))
    elif hasattr(smsc, "trigger_DLR") and command == "submit_sm":
        reactor.callLater(AFTER_SECONDS, smsc.trigger_DLR)
        reactor.callLater(2 * AFTER_SECONDS, smsc.trigger_DLR, pdu_type="data_sm")
    elif hasattr(smsc, "trigger_deliver_sm") and command == "submit_sm":
        to = text(pdu.params["source_addr"])
        reply = DeliverSM(source_addr=pdu.params["destination_addr"], destination_addr=to, short_message=REPLY)
        reactor.callLater(AFTER_SECONDS, smsc.trigger_deliver_sm, reply)


def watched(kind):
    """The class, telling what comes to it."""
    name = kind.__name__

    class Watched(kind):
        def tell(self, event, **what):
            say(smsc=name, connection=id(self), event=event, **what)

        def connectionMade(self):
            self.tell("connected")
            kind.connectionMade(self)

        def connectionLost(self, *_):
            self.tell("closed")

        def rawMessageReceived(self, message):
            try:
                kind.rawMessageReceived(self, message)
            except Exception as error:  # what smpp.pdu3 cannot read is a finding, whatever it is
                self.tell("unreadable", error=repr(error), pdu=message.hex())

        def PDUReceived(self, pdu):
            to = text(pdu.params.get("destination_addr"))
            self.tell("heard", command=pdu.commandId.name, sequence=pdu.seqNum, to=to)
            kind.PDUReceived(self, pdu)
            set_off(self, pdu)

        def sendPDU(self, pdu):
            kind.sendPDU(self, pdu)
            self.tell("said", command=pdu.commandId.name, sequence=pdu.seqNum, status=pdu.status.name)

    return Watched


def main():
    ports = {}
    for name, kind in inspect.getmembers(smsc_simulator, inspect.isclass):
        if issubclass(kind, Protocol) and kind is not Protocol:
            factory = Factory.forProtocol(watched(kind))
            factory.noisy = False
            ports[name] = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port
    say(ports=ports)
    reactor.run()


main()
