/**
 * What is measured: clusterd or one of its peers on three nodes, with a client; and what is done
 * to it.
 */
import type { TestNet } from "../../netns/test-net.ts";
import type { Course } from "./failover-course.ts";
import type { ServiceClient } from "./failover-work.ts";

/** A program that keeps one service running on one of three nodes. */
export type Subject = {
  readonly net: TestNet;
  readonly client: ServiceClient;
  /** The network, the files, and every daemon. */
  start(): Promise<void>;
  stop(): Promise<void>;
  startNode(node: number): void;
  /** In an orderly way, until its daemons have ended. */
  leave(node: number): Promise<void>;
  /** Ends the process that serves. */
  killService(node: number): Promise<void>;
  /** The daemon that an operator knows by name. */
  killDaemon(node: number): Promise<void>;
  /** And all others that belong to it; what it runs goes on. */
  killAll(node: number): Promise<void>;
  /** Waits until all is well, as every node sees it; returns the node that has the service. */
  settled(): Promise<number>;
  /** Where the milliseconds went, as far as its logs say so. */
  course(of: CourseOf): Course | null;
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
};

export type CourseOf = {
  /** Of the service from one node to another; of the start of all nodes, or of one more. */
  readonly what: "failover" | "start" | "join";
  /** The node that was started, or that has the service in the end. */
  readonly node: number;
  /** Wall clock. */
  readonly sinceMs: number;
};

/** An act on the node that runs the service; `others` are the two that do not. */
export type Stage = {
  readonly subject: Subject;
  readonly owner: number;
  readonly others: readonly [number, number];
};

/** What a scene is about, besides the outage. */
export type Acted = {
  /** How long a command took, or until a node had joined. */
  readonly tookMs?: number;
  /** Wall clock: what was started was started then; an outage counts from here. */
  readonly fromMs?: number;
};

export type Scene = {
  readonly name: string;
  /** What is measured; the client of a `join` is served throughout. */
  readonly of: CourseOf["what"];
  /** The service goes to another node. */
  readonly moves: boolean;
  /** In milliseconds; what follows from the timers and nothing else. */
  readonly boundMs: number;
  readonly act: (stage: Stage) => Promise<Acted>;
  /** Afterwards everything is as before. */
  readonly mend: (stage: Stage) => Promise<void>;
  /** What whoever reads the figures must know. */
  readonly note?: string;
};

/** Scenes that share one cluster. */
export type SceneGroup = {
  readonly subject: Subject;
  readonly scenes: readonly Scene[];
};

/** The wall clock, as finely as it can be read. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

// --- acts and remedies that all of them share ---------------------------------------------------

export async function relocated(command: () => Promise<void>): Promise<Acted> {
  const beganMs = performance.now();
  await command();
  return { tookMs: performance.now() - beganMs };
}

export async function killService({ subject, owner }: Stage): Promise<Acted> {
  await subject.killService(owner);
  return {};
}

/** Its link stays up, and it hears nobody. */
export async function isolate({ subject, owner }: Stage): Promise<Acted> {
  await subject.net.partition([[], [owner]]);
  return {};
}

/** Its link goes down. */
export async function unplug({ subject, owner }: Stage): Promise<Acted> {
  await subject.net.cut(owner);
  return {};
}

export async function killDaemon({ subject, owner }: Stage): Promise<Acted> {
  await subject.killDaemon(owner);
  return {};
}

export async function killAll({ subject, owner }: Stage): Promise<Acted> {
  await subject.killAll(owner);
  return {};
}

export async function powerOff({ subject, owner }: Stage): Promise<Acted> {
  await subject.net.powerOff(owner);
  return {};
}

export async function leave({ subject, owner }: Stage): Promise<Acted> {
  await subject.leave(owner);
  return {};
}

export async function startTogether({ subject }: Stage): Promise<Acted> {
  const { nodes } = subject.net;
  await Promise.all(nodes.map((node) => subject.leave(node)));
  const fromMs = wallMs();
  for (const node of nodes) subject.startNode(node);
  return { fromMs };
}

export async function nothing(): Promise<void> {}

export async function reconnect({ subject, owner }: Stage): Promise<void> {
  await subject.net.heal(owner);
}

export async function startAgain({ subject, owner }: Stage): Promise<void> {
  subject.startNode(owner);
}

/** Whatever was left there is gone. */
export async function powerOn({ subject, owner }: Stage): Promise<void> {
  await subject.net.powerOff(owner);
  await subject.net.heal(owner);
  subject.startNode(owner);
}
