/**
 * Refuses ordered messages that no correct node can have sent, before they become part of a
 * history: a message in another node's name, about a node that is not configured, or too large to
 * be sent on.
 * The check looks only at the configured nodes, which never change while the cluster runs. So every
 * member refuses the same messages, and their histories stay equal.
 * Tested in: test/fuzz/onslaught.test.ts
 */
import type { FenceMessage } from "../fencing/fence-messages.ts";
import type { ClusterConf } from "../model/conf.ts";
import { incarnationMax, livesPerIncarnation, type NodeId } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { readOrNull } from "../model/shape.ts";
import type { QuorumMessage } from "../quorum/quorum-messages.ts";
import type { ServiceMessage } from "../services/table/service-messages.ts";
import { sendableText } from "./conf-versions.ts";
import { type Envelope, envelope } from "./node-events.ts";
import type { Outbox } from "./outbox.ts";

/** The longest text in the replicated state, which has to fit into one message. */
const textMax = 4096;
/** Sums of so many votes are still exact numbers. */
const votesMax = 1_000_000;

export class MessageReader {
  readonly #nodes: ReadonlySet<NodeId>;
  readonly #outbox: Outbox;
  #refused = 0;

  constructor(conf: ClusterConf, outbox: Outbox) {
    this.#nodes = new Set(conf.nodes.map(({ id }) => id));
    this.#outbox = outbox;
  }

  /** Messages refused in this life. */
  get refused(): number {
    return this.#refused;
  }

  /** The message that the payload is, or null when it is refused. */
  read(payload: unknown, from: NodeId): Envelope | null {
    const value = readOrNull(envelope, payload);
    const problem =
      value === null ? "it is not understood" : messageProblem(value, from, this.#nodes);
    if (problem === null) return value;
    this.refuse(from, problem);
    return null;
  }

  refuse(from: NodeId | null, why: string): void {
    this.#refused += 1;
    this.#outbox.notice("services", "err", `message of node ${from} refused: ${why}`);
  }
}

/** Why the message is refused, in words; null: it is not. */
function messageProblem(
  message: Envelope,
  from: NodeId,
  nodes: ReadonlySet<NodeId>,
): string | null {
  const unknown = namedIn(message).find((node) => !nodes.has(node));
  if (unknown !== undefined) return `it names node ${unknown}, which is not configured`;
  const speaker = speakerOf(message);
  if (speaker !== null && speaker !== from) return `it is in the name of node ${speaker}`;
  return sizeProblem(message);
}

/** The node in whose name the message is. */
function speakerOf({ layer, body }: Envelope): NodeId | null {
  if (layer === "services")
    return "ref" in body ? body.ref.node : "node" in body ? body.node : null;
  if (layer === "sync") return body.type === "hello" ? body.node : null;
  return "by" in body ? body.by : body.node;
}

function namedIn({ layer, body }: Envelope): readonly NodeId[] {
  switch (layer) {
    case "fencing":
      return ["victim" in body ? body.victim : body.node, body.by];
    case "quorum":
      return namedInQuorum(body);
    case "services":
      return body.type === "request" && body.target !== null ? [body.target] : [];
    case "sync":
      return [];
    default:
      return assertNever(layer);
  }
}

function namedInQuorum(body: QuorumMessage): readonly NodeId[] {
  if (body.type === "kill") return [body.victim];
  if (body.type === "removed") return [body.node];
  return body.change.type === "votes" ? [body.change.node] : [];
}

function sizeProblem({ layer, body }: Envelope): string | null {
  switch (layer) {
    case "fencing":
      return fenceTextOf(body).length > textMax ? "its text is too long" : null;
    case "quorum":
      return votesIn(body) > votesMax ? "so many votes cannot be counted" : null;
    case "services":
      return serviceProblem(body);
    case "sync": {
      if (body.type !== "hello") return null;
      const votes = Math.max(body.votes, body.quorum, body.expected, body.last?.quorumMost ?? 0);
      if (votes > votesMax) return "so many votes cannot be counted";
      return body.life > incarnationMax * livesPerIncarnation ? "there is no such life" : null;
    }
    default:
      return assertNever(layer);
  }
}

function fenceTextOf(body: FenceMessage): string {
  return "text" in body ? body.text : "";
}

function votesIn(body: QuorumMessage): number {
  if (body.type !== "propose" && body.type !== "agreed") return 0;
  const { change } = body;
  if (change.type === "cancel-wait") return 0;
  return change.type === "votes" ? change.votes : change.expected;
}

function serviceProblem(body: ServiceMessage): string | null {
  if (body.at > incarnationMax) return "no clock shows such a time";
  const long = body.type === "conf-propose" && sendableText(body.text) === "";
  return long ? "the configuration is too long for a message" : null;
}
