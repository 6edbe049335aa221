/**
 * What a node says of itself in a state exchange, and what the authority sends to those who lack
 * the state.
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { Shaped } from "../model/shape.ts";
import type { Quorum } from "../quorum/quorum.ts";
import type { Hello, snapshot } from "../services/table-sync.ts";
import { fixedDigest, travelling } from "./configurations.ts";
import type { StateExchange } from "./exchange.ts";
import type { Replica } from "./replica.ts";

type Speaker = {
  readonly self: NodeId;
  readonly life: number;
  readonly replica: Replica;
  readonly quorum: Quorum;
};

export type Snapshot = Shaped<typeof snapshot>;

export function composeHello(exchange: StateExchange, speaker: Speaker, boottimeMs: number): Hello {
  const { self, life, replica, quorum } = speaker;
  const { conf, hash } = replica.configuration;
  return {
    type: "hello",
    ring: exchange.ring,
    life,
    cluster: conf.name,
    configVersion: conf.version,
    configHash: hash,
    configFixed: fixedDigest(conf),
    history: replica.history,
    ...quorum.voice(self, replica.history !== null),
    ...exchange.signs(boottimeMs),
  };
}

/** Where a new history begins only the configuration is sent. */
export function composeSnapshot(ring: RingId | undefined, replica: Replica): Snapshot {
  const { table, fence } = replica;
  invariant(ring !== undefined, "authority without a ring");
  const history = replica.history ?? { ringSeq: ring.seq, version: 0, digest: "" };
  const { conf, hash, text } = replica.configuration;
  const configuration = { version: conf.version, hash, text: travelling(text) };
  const state = { table: table?.snapshot() ?? null, fence: fence.snapshot() };
  return { type: "snapshot", ring, history, configuration, ...state };
}
