/**
 * What a node says of itself in a state exchange, what the authority sends to those who lack the
 * state, and how that waits with them until they can read its configurations.
 * Tested in: test/services/configuration-change.test.ts
 * TRANSFER1  What is ordered after a snapshot is applied after it, however long reading takes.
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { fitting, type Shaped } from "../model/shape.ts";
import type { Quorum } from "../quorum/quorum.ts";
import { tableSnapshot } from "../services/table/table-snapshot.ts";
import { freshHistory, type Hello, type snapshot } from "../services/table/table-sync.ts";
import { fixedDigest, travelling } from "./configurations.ts";
import type { StateExchange } from "./exchange.ts";
import type { Ordered, Replica } from "./replica.ts";

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
    history: replica.testimony,
    ...quorum.voice(self, replica.history !== null),
    ...exchange.signs(boottimeMs),
  };
}

/** Where a new history begins only the configuration is sent. */
export function composeSnapshot(ring: RingId | undefined, replica: Replica): Snapshot {
  const { table, fence } = replica;
  invariant(ring !== undefined, "authority without a ring");
  const history = replica.testimony ?? freshHistory(ring.seq, null);
  const { conf, hash, text } = replica.configuration;
  const configuration = { version: conf.version, hash, text: travelling(text) };
  const state = { table: table?.snapshot() ?? null, fence: fence.snapshot() };
  return { type: "snapshot", ring, history, configuration, ...state };
}

/** A snapshot that has arrived, and what was ordered after it (TRANSFER1). */
export class ArrivedSnapshot {
  readonly body: Snapshot;
  readonly #unread: Set<string>;
  readonly #later: Ordered[] = [];

  /** `settled`: hash of the configuration in force here, which needs no reading. */
  constructor(body: Snapshot, settled: string) {
    this.body = body;
    const { hash, text } = body.configuration;
    const change = fitting(tableSnapshot, body.table)?.change ?? null;
    this.#unread = new Set([
      ...(hash === settled ? [] : [text]),
      ...(change?.stage === "stopping" ? [change.text] : []),
    ]);
  }

  /** Texts of which it is not known yet what it takes to read them. */
  get unread(): readonly string[] {
    return [...this.#unread];
  }

  noteRead(text: string): void {
    this.#unread.delete(text);
  }

  keep(message: Ordered): void {
    this.#later.push(message);
  }

  get later(): readonly Ordered[] {
    return this.#later;
  }
}
