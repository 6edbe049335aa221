/**
 * Management objects of the stand-in broker as they travel: strings and names as binary,
 * identities as uuid, times as ulong of nanoseconds.
 * Source: qpid-cpp ha/management-schema.xml, management/ManagementAgent.cpp.
 */
import { hostname } from "node:os";
import rhea, { type Typed } from "rhea";
import { formatBrokersUrl } from "./broker-options.ts";
import type { HaBroker } from "./ha-broker.ts";
import { type Member, stateNumber } from "./ha-states.ts";
import type { QueueArguments } from "./queue-store.ts";

export type QmfValue =
  | Typed
  | string
  | number
  | boolean
  | null
  | readonly QmfValue[]
  | { readonly [name: string]: QmfValue };
export type QmfMap = { readonly [name: string]: QmfValue };

export type QmfObject = {
  readonly packageName: string;
  readonly className: string;
  readonly objectName: string;
  readonly values: QmfMap;
};

const haPackage = "org.apache.qpid.ha";
const brokerPackage = "org.apache.qpid.broker";
export const haObjectName = `${haPackage}:habroker:ha-broker`;
export const brokerObjectName = `${brokerPackage}:broker:amqp-broker`;

export function binary(text: string): Typed {
  return rhea.types.wrap_binary(Buffer.from(text));
}

export function uuid(text: string): Typed {
  return rhea.types.wrap_uuid(Buffer.from(text.replaceAll("-", ""), "hex"));
}

function nanoseconds(ms: number): Typed {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.round(ms * 1000)) * 1000n);
  const wrapped: Typed = rhea.types.wrap_ulong(bytes);
  return wrapped;
}

/** Every object that a query can find, in the order of the classes. */
export function qmfObjects(broker: HaBroker): readonly QmfObject[] {
  const classes = [brokerObject(broker), systemObject(broker), ...queueObjects(broker)];
  const { cluster, queueReplication } = broker.settings;
  const ha = cluster || queueReplication ? [haObject(broker)] : [];
  return [...ha, ...classes, ...linkObjects(broker)];
}

export function describeMembers(members: readonly Member[]): readonly QmfMap[] {
  return members.map((member) => ({
    "system-id": uuid(member.systemId),
    protocol: binary("tcp"),
    "host-name": binary(member.host),
    port: member.port,
    status: stateNumber(member.state),
  }));
}

/** The object with its identity, class and times. */
export function encodeObject(object: QmfObject, startedAtMs: number): QmfMap {
  return {
    _values: object.values,
    _object_id: { _object_name: binary(object.objectName) },
    _schema_id: {
      _package_name: binary(object.packageName),
      _class_name: binary(object.className),
      _type: binary("_data"),
      _hash: uuid("0".repeat(32)),
    },
    _create_ts: nanoseconds(startedAtMs),
    _update_ts: nanoseconds(Date.now()),
    _delete_ts: nanoseconds(0),
  };
}

function haObject(broker: HaBroker): QmfObject {
  return {
    packageName: haPackage,
    className: "habroker",
    objectName: haObjectName,
    values: {
      name: binary("ha-broker"),
      status: binary(broker.state),
      brokersUrl: binary(formatBrokersUrl(broker.brokersUrl)),
      publicUrl: binary(broker.publicUrl),
      replicateDefault: binary(broker.settings.replicateDefault),
      systemId: uuid(broker.systemId),
      members: describeMembers(broker.members),
    },
  };
}

function brokerObject(broker: HaBroker): QmfObject {
  const queues = broker.queues.all();
  return {
    packageName: brokerPackage,
    className: "broker",
    objectName: brokerObjectName,
    values: {
      name: binary("amqp-broker"),
      port: broker.settings.port,
      queueCount: queues.length,
      msgDepth: queues.reduce((sum, queue) => sum + queue.depth, 0),
      uptime: nanoseconds(process.uptime() * 1000),
    },
  };
}

function systemObject(broker: HaBroker): QmfObject {
  return {
    packageName: brokerPackage,
    className: "system",
    objectName: `${brokerPackage}:system:${broker.systemId}`,
    values: { systemId: uuid(broker.systemId), nodeName: binary(hostname()) },
  };
}

function queueObjects(broker: HaBroker): QmfObject[] {
  return broker.queues.all().map((queue) => ({
    packageName: brokerPackage,
    className: "queue",
    objectName: `${brokerPackage}:queue:${queue.name}`,
    values: {
      name: binary(queue.name),
      durable: queue.durable,
      msgDepth: queue.depth,
      arguments: { ...binaryTexts(queue.queueArguments), "qpid.ha-uuid": uuid(queue.uuid) },
    },
  }));
}

function binaryTexts(queueArguments: QueueArguments): QmfMap {
  const entries = Object.entries(queueArguments).map(([name, value]) => [
    name,
    typeof value === "string" ? binary(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function linkObjects(broker: HaBroker): QmfObject[] {
  const link = broker.link;
  if (link === null) return [];
  const { host, port } = link.address;
  return [
    {
      packageName: brokerPackage,
      className: "link",
      objectName: `${brokerPackage}:link:ha-link`,
      values: {
        name: binary("ha-link"),
        host: binary(host),
        port,
        state: binary(link.state),
        lastError: binary(link.lastError),
      },
    },
  ];
}
