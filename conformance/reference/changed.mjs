// The same application on the reference with one deliberate fault, by which the differential test shows that it notices:
//   node changed.mjs --change NAME --port 0

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Decoder } = require("socket.io-parser");
const { Socket } = require("socket.io");
const engine = require("engine.io");
const WebSocketTransport = engine.transports.websocket;

/** Puts a function round a method. */
const around = (type, name, wrap) => (type.prototype[name] = wrap(type.prototype[name]));

const CHANGES = {
  "an acknowledgement is lost": () =>
    around(Socket, "ack", (ack) => function (id) {
      return id % 50 === 7 ? () => {} : ack.call(this, id);
    }),
  "two answers change places": () =>
    around(Socket, "emit", (emit) => function (name, ...values) {
      if (name === "message-back" && values.length === 0) setTimeout(() => emit.call(this, name), 2);
      else emit.call(this, name, ...values);
      return true;
    }),
  "an attachment has another byte": () =>
    around(Socket, "packet", (packet) => function (whole, ...rest) {
      const bytes = Array.isArray(whole.data) && whole.data.find((value) => Buffer.isBuffer(value) && value.length > 3);
      if (bytes) bytes[bytes.length - 1] ^= 1;
      return packet.call(this, whole, ...rest);
    }),
  "reserved names are taken": () => (Decoder.isPayloadValid = ((valid) => (type, payload) => valid(type, payload) || (Array.isArray(payload) && payload[0] === "disconnecting"))(Decoder.isPayloadValid)),
  "a DISCONNECT may have a payload": () => (Decoder.isPayloadValid = ((valid) => (type, payload) => type === 1 || valid(type, payload))(Decoder.isPayloadValid)),
  "11 attachments are taken": () => around(Decoder, "decodeString", (decode) => function (text) {
      this.opts.maxAttachments = 11;
      return decode.call(this, text);
    }),
  "a Close frame has a code": () =>
    around(WebSocketTransport, "doClose", () => function (then) {
      this.socket.close(1000);
      then?.();
    }),
  "a client's ping is answered": () =>
    around(engine.Socket, "onPacket", (onPacket) => function (packet) {
      if (packet.type === "ping") this.sendPacket("pong");
      else onPacket.call(this, packet);
    }),
  "the first message after the upgrade is lost": () =>
    around(engine.Socket, "setTransport", (setTransport) => function (transport) {
      setTransport.call(this, transport);
      if (this.upgraded) this.writeBuffer.shift();
    }),
  "a poll after the upgrade has another message": () => (engine.Server.errorMessages[3] = "Wrong request"),
  "an unknown session has another message": () => (engine.Server.errorMessages[1] = "Unknown session"),
};

const at = process.argv.indexOf("--change");
const [, name] = at < 0 ? [] : process.argv.splice(at, 2);
if (name === "list") {
  console.log(Object.keys(CHANGES).join("\n"));
} else {
  if (!(name in CHANGES)) throw new Error(`there is no change ${name}`);
  CHANGES[name]();
  await import("./echo.mjs");
}
