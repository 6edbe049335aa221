/**
 * A member with the key that lies: proves to be alive, then sends what cannot be.
 * `liar.js OWN-ADDRESS GROUP PORT MILLISECONDS NODE-ADDRESS…`
 */
import { createSocket } from "node:dgram";
import { gcmCiphers } from "../../src/io/frames/frame-cipher.ts";
import { clusterTag } from "../../src/io/frames/frame-header.ts";
import { SealedFrames } from "../../src/io/frames/frame-seal.ts";
import { keyFromName } from "../../src/io/frames/key-file.ts";
import {
  decodeMessage,
  encodeMessage,
  frameKinds,
  type RingMessage,
} from "../../src/membership/wire.ts";
import { parseIncarnation, parseNodeId, ringSeqMax } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { lie } from "../fuzz/lies.ts";
import { Random } from "../sim/random.ts";

const [own = "", group = "", port = "0", forMs = "0", ...others] = process.argv.slice(2);
const idOf = (address: string) => {
  const id = parseNodeId(Number(address.split(".").at(-1)));
  if (id === null) throw new Error(`not a node: ${address}`);
  return id;
};
const incarnation = parseIncarnation(Date.now());
if (incarnation === null) throw new Error("no incarnation");
const self = idOf(own);
const peers = others.map(idOf);
const nodes = [own, ...others].map((address) => ({ id: idOf(address), address }));
const seal = new SealedFrames({
  clusterTag: clusterTag("qpid-test", 55_582),
  self,
  incarnation,
  nodes,
  instance: 0,
  safeWaitMs: ms(7500),
  sealed: true,
  ciphers: gcmCiphers(keyFromName("qpid-test"), "qpid-test", null),
});
const random = new Random(1);
const socket = createSocket("udp4");
/** Overheard. */
let configHash = 0;

socket.on("message", (bytes, source) => {
  for (const frame of seal.frames(bytes)) {
    const verdict = seal.open(frame, { address: source.address, nowMs: ms(performance.now()) });
    if (verdict.type === "opened") overhear(verdict.kind, verdict.payload);
    if (verdict.type === "opened" || verdict.reply === null) continue;
    socket.send(Buffer.concat([...verdict.reply.frame]), Number(port), verdict.reply.address);
  }
});

function overhear(kind: number, payload: Uint8Array): void {
  const decoded = decodeMessage(kind, payload);
  if (decoded.ok && "configHash" in decoded.value) configHash = decoded.value.configHash;
}

/** What is sent in turns: absurd sequences near the limit, beyond the clock, and anything else. */
function nextLie(): RingMessage {
  const ring = { rep: self, seq: Date.now() * 1000 };
  const ground = { ring, high: 3, members: [...peers, self], nodes: [...peers, self] };
  const seq = random.pick([ringSeqMax, ringSeqMax - 1, (Date.now() + 1e12) * 1000]);
  const any = lie(random, ground);
  const message = random.chance(0.5) ? { ...any, ring: { ...ring, seq } } : any;
  if (message.type !== "join" && message.type !== "merge-detect") return message;
  const claim = random.chance(0.5) ? { ringSeq: seq } : {};
  return { ...message, configHash, heard: peers, ...claim };
}

const groupSocket = createSocket({ type: "udp4", reuseAddr: true });
groupSocket.on("message", (bytes, source) => {
  for (const frame of seal.frames(bytes)) {
    const verdict = seal.open(frame, { address: source.address, nowMs: ms(performance.now()) });
    if (verdict.type === "opened") overhear(verdict.kind, verdict.payload);
  }
});
groupSocket.bind(Number(port), group, () => groupSocket.addMembership(group, own));

socket.bind(Number(port), own, () => {
  socket.setMulticastInterface(own);
  const timer = setInterval(() => {
    const message = nextLie();
    const frame = Buffer.concat([...seal.seal(frameKinds[message.type], encodeMessage(message))]);
    for (const target of [group, ...others]) socket.send(frame, Number(port), target);
  }, 2);
  setTimeout(() => {
    clearInterval(timer);
    socket.close();
    groupSocket.close();
  }, Number(forMs));
});
