// An SMPP server of the npm package `smpp`: it joins the parts of a text with what the package reads, sends receipts in
// text form, and answers one text with a long one in three parts, the last first. Tells what happened as lines of JSON.
import smpp from 'smpp';

const say = (what) => console.log(JSON.stringify(what));
const REPLY = process.env.REPLY;
const REPLY_PARTS = Number(process.env.REPLY_PARTS);
const ASKS_EVERY_MS = 500;

let ids = 7_000_000_000;
const joining = new Map();
// Sessions that take texts, by account.
const receivers = new Map();

// The parts of a text, whichever way they say that they belong together.
function part(pdu) {
  const header = pdu.short_message.udh?.find((element) => element[0] === 0x00 || element[0] === 0x08);
  if (header?.[0] === 0x00) return { reference: header[2], of: header[3], number: header[4] };
  if (header) return { reference: header.readUInt16BE(2), of: header[4], number: header[5] };
  if (pdu.sar_total_segments) {
    const { sar_msg_ref_num: reference, sar_total_segments: of, sar_segment_seqnum: number } = pdu;
    return { reference, of, number };
  }
  return { reference: 0, of: 1, number: 1 };
}

function text(pdu) {
  return pdu.message_payload ? (pdu.message_payload.message ?? pdu.message_payload) : pdu.short_message.message;
}

function joined(pdu) {
  const { reference, of, number } = part(pdu);
  const key = `${pdu.source_addr} ${pdu.destination_addr} ${reference}`;
  const parts = joining.get(key) ?? new Map();
  joining.set(key, parts.set(number, text(pdu)));
  if (parts.size < of) return null;
  joining.delete(key);
  return { parts: of, text: Array.from({ length: of }, (_, place) => parts.get(place + 1)).join('') };
}

function receipt(pdu, id) {
  const date = new Date().toISOString().replace(/[-T:]/g, '').slice(2, 12);
  return {
    source_addr: pdu.destination_addr,
    destination_addr: pdu.source_addr,
    esm_class: 0x04,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:${date} done date:${date} stat:DELIVRD err:000 text:-`,
  };
}

// A long text of the person, its parts in the wrong order.
function reply(account, pdu) {
  const letters = Math.ceil(REPLY.length / REPLY_PARTS);
  for (let number = REPLY_PARTS; number >= 1; number--) {
    const udh = Buffer.from([5, 0, 3, 77, REPLY_PARTS, number]);
    deliver(account, {
      source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr,
      data_coding: 0,
      short_message: { udh, message: REPLY.slice((number - 1) * letters, number * letters) },
    });
  }
}

function deliver(account, fields) {
  const [session] = receivers.get(account);
  session.deliver_sm(fields, (answer) => say({ event: 'delivered', status: answer.command_status }));
}

function submitted(session, account, pdu) {
  const id = String(ids++);
  session.send(pdu.response({ message_id: id }));
  if (pdu.registered_delivery & 1) deliver(account, receipt(pdu, id));
  const whole = joined(pdu);
  if (!whole) return;
  const { source_addr: from, destination_addr: to, data_coding } = pdu;
  say({ event: 'text', from, to, data_coding, ...whole });
  if (pdu.service_type === 'reply') reply(account, pdu);
}

const server = smpp.createServer((session) => {
  let account = null;
  const bind = (receives) => (pdu) => {
    if (!pdu.system_id.startsWith('wayline') || pdu.password !== 'secret') {
      session.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }));
      return session.close();
    }
    account = pdu.system_id;
    session.send(pdu.response({ system_id: 'npm-smpp' }));
    if (!receivers.has(account)) receivers.set(account, new Set());
    if (receives) receivers.get(account).add(session);
    say({ event: 'bound', command: pdu.command });
  };
  session.on('bind_transceiver', bind(true));
  session.on('bind_receiver', bind(true));
  session.on('bind_transmitter', bind(false));
  session.on('submit_sm', (pdu) => submitted(session, account, pdu));
  session.on('enquire_link', (pdu) => {
    session.send(pdu.response());
    say({ event: 'asked' });
  });
  session.on('unbind', (pdu) => {
    say({ event: 'unbound' });
    session.send(pdu.response(), () => session.close());
  });
  const asks = setInterval(() => session.enquire_link(() => say({ event: 'answered' })), ASKS_EVERY_MS);
  session.on('close', () => {
    clearInterval(asks);
    receivers.get(account)?.delete(session);
  });
  session.on('error', (error) => say({ event: 'error', error: String(error) }));
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
