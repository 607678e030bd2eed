// A sender to compare with: npm `smpp` keeps so many submits unanswered, and counts answers.
// node sender.js PORT SYSTEM_ID PASSWORD WINDOW COUNT  ->  one JSON line {submits, seconds}
const smpp = require("smpp");
const [port, system_id, password, window, count] = process.argv.slice(2);
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}`, auto_enquire_link_period: 10000 });
session.on("deliver_sm", (pdu) => session.send(pdu.response()));
session.on("error", (error) => { console.error(error); process.exit(1); });
session.on("connect", () => {
  session.socket?.setNoDelay?.(true);
  session.bind_transceiver({ system_id, password }, (bound) => {
    if (bound.command_status !== 0) { console.error("bind refused", bound.command_status); process.exit(1); }
    let sent = 0, answered = 0, began = process.hrtime.bigint();
    const next = () => {
      if (sent >= Number(count)) return;
      const number = 12065550000 + sent++;
      session.submit_sm({
        source_addr_ton: 1, source_addr_npi: 1, source_addr: "12025550100",
        dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: String(number),
        registered_delivery: 1, short_message: "Lumen: 15% off this week. Reply STOP to opt out",
      }, () => {
        answered += 1;
        if (answered === Number(count)) {
          const seconds = Number(process.hrtime.bigint() - began) / 1e9;
          console.log(JSON.stringify({ submits: answered, seconds }));
          process.exit(0);
        }
        next();
      });
    };
    for (let i = 0; i < Number(window); i++) next();
  });
});
