/**
 * Somebody on the ring's network without its key: sends one node frames with right headers and
 * random lives, as fast as it can or at a rate.
 *
 *   flood-sender.js FLOOD, as JSON
 *
 * `source`: the address it sends from, which need not be its own; `rate`: datagrams a second, 0 for
 * as many as there can be. Prints how many it has sent.
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { encodeHeader, envelopeVersion, sealedMagic } from "../../src/io/frames/frame-header.ts";

export type Flood = {
  readonly target: string;
  readonly port: number;
  readonly tag: number;
  readonly sender: number;
  readonly source: string;
  readonly frames: number;
  readonly rate: number;
  readonly ms: number;
};

const frameBytes = 46;
const kindsOfForgery = 64;
const burst = 64;

const flood: Flood = JSON.parse(process.argv[2] ?? "{}");
const datagrams = Array.from({ length: kindsOfForgery }, () =>
  Buffer.concat(Array.from({ length: flood.frames }, () => forged())),
);
const socket = createSocket({ type: "udp4", lookup: (host, _, done) => done(null, host, 4) });
socket.bind(0, flood.source, () => void send());

function forged(): Buffer {
  const header = encodeHeader({
    magic: sealedMagic,
    version: envelopeVersion,
    kind: 3,
    length: frameBytes,
    clusterTag: flood.tag,
    sender: flood.sender,
    incarnation: Date.now() + 1,
    counter: 1,
  });
  return Buffer.concat([header, randomBytes(frameBytes - header.length)]);
}

async function send(): Promise<void> {
  const beganMs = performance.now();
  let sent = 0;
  while (performance.now() - beganMs < flood.ms) {
    const dueMs = performance.now() - beganMs;
    const due = flood.rate === 0 ? burst : Math.min(burst, (flood.rate * dueMs) / 1000 - sent);
    for (let count = 0; count < due; count += 1) {
      const datagram = datagrams[sent % kindsOfForgery] ?? Buffer.alloc(0);
      // Another life in each frame: none of them is known to the receiver.
      for (let at = 18; at < datagram.length; at += frameBytes) {
        datagram.writeUInt32BE((sent * 31 + at) >>> 0, at);
      }
      socket.send(datagram, flood.port, flood.target, () => undefined);
      sent += 1;
    }
    await new Promise((resolve) => (due < 1 ? setTimeout(resolve, 1) : setImmediate(resolve)));
  }
  process.stdout.write(`${sent}\n`);
  socket.close();
}
