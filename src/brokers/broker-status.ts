/**
 * What a broker says of itself and of the others, from the decoded values of management objects.
 * Source: qpid-cpp ha/management-schema.xml, specs/management-schema.xml; ha/BrokerInfo.cpp.
 * STATUS1  A value that does not fit is refused with the part that does not; nothing is guessed.
 */
import { accept, type Result, refuse } from "../model/outcome.ts";
import {
  list,
  mapped,
  oneOf,
  optional,
  parsedBy,
  record,
  type Shape,
  text,
  unknown,
  wholeNumber,
} from "../model/shape.ts";
import { amqpCount, amqpText, amqpTextBy, amqpUuid } from "./amqp-values.ts";
import {
  type BrokerState,
  brokerStates,
  parseBrokerState,
  parseStateNumber,
} from "./broker-state.ts";

/** Which part of an answer does not fit, such as `members[1].status`, and why. */
export type BrokerMisfit = { readonly part: string; readonly text: string };

/** The identity of one process of a broker, or of all that have one data directory: a UUID. */
export type BrokerSystemId = string;

/** How much of queues and exchanges is copied to the backups. */
const replicateLevels = ["none", "configuration", "all"] as const;
export type ReplicateLevel = (typeof replicateLevels)[number];

export function parseReplicateLevel(value: unknown): ReplicateLevel | null {
  return replicateLevels.find((level) => level === value) ?? null;
}

/** One line of a member list. A broker that does not know its own address yet has none. */
export type BrokerMember = {
  readonly systemId: BrokerSystemId;
  readonly host: string;
  readonly port: number;
  readonly state: BrokerState;
};

/** More than any cluster has nodes. */
const membersMax = 256;
/** As a member list is passed on between nodes. */
const member: Shape<BrokerMember> = record({
  systemId: text,
  host: text,
  port: wholeNumber(0, 65_535),
  state: oneOf(...brokerStates),
});
export const memberList: Shape<readonly BrokerMember[]> = list(member, membersMax);

const portNumber = wholeNumber(0, 65_535);

const members: Shape<readonly BrokerMember[]> = list(
  mapped(
    record({
      "system-id": amqpUuid,
      "host-name": amqpText,
      port: portNumber,
      status: parsedBy(parseStateNumber),
    }),
    (member) => ({
      systemId: member["system-id"],
      host: member["host-name"],
      port: member.port,
      state: member.status,
    }),
  ),
  membersMax,
);

/** The object `habroker`. On a backup without a primary the members are those of the past. */
export type BrokerStatus = {
  readonly state: BrokerState;
  readonly systemId: BrokerSystemId;
  readonly members: readonly BrokerMember[];
  /** As the broker has understood its setting. */
  readonly brokersUrl: string;
  readonly publicUrl: string;
  readonly replicateDefault: ReplicateLevel;
};

const haBroker = record({
  status: amqpTextBy(parseBrokerState),
  systemId: amqpUuid,
  members,
  brokersUrl: amqpText,
  publicUrl: optional(amqpText, ""),
  replicateDefault: amqpTextBy(parseReplicateLevel),
});

/** From the values of the object `habroker`. */
export function parseBrokerStatus(values: unknown): Result<BrokerStatus, BrokerMisfit> {
  const found = read(haBroker, values);
  if (!found.ok) return found;
  const { status: state, ...others } = found.value;
  return accept({ state, ...others });
}

const membersUpdate = record({ members });

/** From the values of the event `membersUpdate`. */
export function parseMembersUpdate(values: unknown): Result<readonly BrokerMember[], BrokerMisfit> {
  const update = read(membersUpdate, values);
  return update.ok ? accept(update.value.members) : update;
}

const queue = record({
  name: amqpText,
  msgDepth: amqpCount,
  arguments: optional(record({ "qpid.replicate": optional(unknown, null) }), {
    "qpid.replicate": null,
  }),
});

export type BrokerQueue = {
  readonly name: string;
  readonly depth: number;
  /** As its arguments say; null: they say nothing, as those of a queue that is not replicated. */
  readonly replicate: ReplicateLevel | null;
};

/** From the values of an object of the class `queue`. */
export function parseBrokerQueue(values: unknown): Result<BrokerQueue, BrokerMisfit> {
  const found = read(queue, values);
  if (!found.ok) return found;
  const { name, msgDepth } = found.value;
  const level = amqpText(found.value.arguments["qpid.replicate"]);
  const replicate = level.ok ? parseReplicateLevel(level.value) : null;
  return accept({ name, depth: msgDepth, replicate });
}

/** Messages in the queues whose content the backups hold, too. */
export function replicatedDepth(queues: readonly BrokerQueue[]): number {
  const replicated = queues.filter(({ replicate }) => replicate === "all");
  return replicated.reduce((sum, { depth }) => sum + depth, 0);
}

function read<Value>(shape: Shape<Value>, values: unknown): Result<Value, BrokerMisfit> {
  const found = shape(values);
  if (found.ok) return found;
  const { path, text } = found.problem;
  return refuse({ part: path.replace(/^\./, ""), text });
}
