/**
 * Sends frames that a cluster must drop, from the address of a configured node: random bytes,
 * frames of another cluster, and frames of this cluster sealed with another key.
 * `foreign-frames.js OWN-ADDRESS GROUP PORT ROUNDS NODE-ADDRESS…`
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { gcmCiphers } from "../../src/io/frames/frame-cipher.ts";
import { clusterTag } from "../../src/io/frames/frame-header.ts";
import { SealedFrames } from "../../src/io/frames/frame-seal.ts";
import { keyFromName } from "../../src/io/frames/key-file.ts";
import { encodeMessage } from "../../src/membership/wire.ts";
import { parseIncarnation, parseNodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";

const [own = "", group = "", port = "0", rounds = "0", ...others] = process.argv.slice(2);
const self = parseNodeId(Number(own.split(".").at(-1)));
const incarnation = parseIncarnation(Date.now());
if (self === null || incarnation === null) throw new Error(`not a node: ${own}`);

const join = encodeMessage({
  type: "join",
  ringSeq: 1_000_000,
  proc: [self],
  failed: [],
  leave: false,
  heard: [self],
  configHash: 1,
});

function framesOf(cluster: { readonly name: string; readonly id: number; readonly key: string }) {
  return new SealedFrames({
    instance: 0,
    safeWaitMs: ms(7500),
    clusterTag: clusterTag(cluster.name, cluster.id),
    self: self ?? failNode(),
    incarnation: incarnation ?? failNode(),
    nodes: [],
    sealed: true,
    ciphers: gcmCiphers(keyFromName(cluster.key), cluster.name, null),
  });
}

function failNode(): never {
  throw new Error("no node");
}

const foreign = framesOf({ name: "other", id: 55582, key: "other" });
const misKeyed = framesOf({ name: "qpid-test", id: 55582, key: "not the key" });
const socket = createSocket("udp4");
socket.bind(Number(port), own, () => {
  socket.setMulticastInterface(own);
  let pending = 0;
  for (let round = 0; round < Number(rounds); round += 1) {
    const datagrams = [
      randomBytes(1 + (round % 1400)),
      Buffer.concat([...foreign.seal(3, join)]),
      Buffer.concat([...misKeyed.seal(3, join)]),
    ];
    for (const datagram of datagrams) {
      for (const target of [group, ...others]) {
        pending += 1;
        socket.send(datagram, Number(port), target, () => {
          pending -= 1;
          if (pending === 0) socket.close();
        });
      }
    }
  }
});
