/**
 * The port to brokers, over AMQP 1.0 and their management: status, queues, the member lists that
 * they send, and promotion.
 * Source: qpid-cpp ha/management-schema.xml, specs/management-schema.xml.
 */
import {
  type BrokerMisfit,
  type BrokerQueue,
  type BrokerStatus,
  parseBrokerQueue,
  parseBrokerStatus,
  parseMembersUpdate,
} from "../../brokers/broker-status.ts";
import { type ManagementMessage, parseEvents } from "../../brokers/management-answer.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type {
  BrokerAskProblem,
  BrokerConnection,
  BrokerConnections,
  BrokerConnectProblem,
  BrokerEvents,
  BrokerTarget,
  PromoteLimits,
  PromoteResult,
} from "../broker-port.ts";
import { AmqpConnection, beginSession } from "./amqp-connection.ts";
import { ManagementClient, type ManagementRequest } from "./management-client.ts";

/** The broker copies this as its own limit, and so forgets a node that was cut off. */
const idleDefaultMs = 10_000;

const haBrokerName = "org.apache.qpid.ha:habroker:ha-broker";

type Parse<Value> = (values: unknown) => Result<Value, BrokerMisfit>;
type Asked<Value> = Promise<Result<Value, BrokerAskProblem>>;

export class AmqpBrokers implements BrokerConnections {
  connect(target: BrokerTarget, limitMs: number, events: BrokerEvents | null): BrokerConnection {
    const { idleMs = idleDefaultMs } = target;
    return new ManagedBroker(target, { limitMs, idleMs, events });
  }

  async ping(target: BrokerTarget, limitMs: number): Promise<Result<null, BrokerConnectProblem>> {
    const onEnded = (): void => undefined;
    const options = { limitMs, idleMs: null, prepare: beginSession, onEnded };
    const connection = new AmqpConnection(target, options);
    const opened = await connection.opened;
    connection.close();
    return opened;
  }

  async promote(target: BrokerTarget, limits: PromoteLimits): Promise<PromoteResult> {
    const options = { limitMs: limits.connectMs, idleMs: null, events: null };
    const broker = new ManagedBroker(target, options);
    const opened = await broker.opened;
    if (!opened.ok) return { type: "not-asked", problem: opened.problem };
    const result = await broker.promote(limits.answerMs);
    broker.close();
    if (result.ok) return { type: "promoted" };
    const { problem } = result;
    switch (problem.type) {
      case "refused":
        return { type: "refused", refusal: problem.refusal };
      case "misfit":
        return { type: "unknown", words: `${problem.misfit.part} ${problem.misfit.text}` };
      case "timed-out":
      case "disconnected":
      case "absent":
        return { type: "unknown", words: problem.words };
      default:
        return problem;
    }
  }
}

type ManagedOptions = {
  readonly limitMs: number;
  readonly idleMs: number | null;
  readonly events: BrokerEvents | null;
};

class ManagedBroker implements BrokerConnection {
  readonly #client = new ManagementClient();
  readonly #connection: AmqpConnection;

  constructor(target: BrokerTarget, { limitMs, idleMs, events }: ManagedOptions) {
    const onEvent = events === null ? null : membersReader(events);
    this.#connection = new AmqpConnection(target, {
      limitMs,
      idleMs,
      prepare: (connection, done) => this.#client.attach(connection, done, onEvent),
      onEnded: (words, how) => {
        this.#client.end(words);
        events?.onDisconnected(words, how);
      },
    });
  }

  get opened(): Promise<Result<null, BrokerConnectProblem>> {
    return this.#connection.opened;
  }

  status(limitMs: number): Asked<BrokerStatus> {
    return this.#one(byName(haBrokerName), parseBrokerStatus, limitMs);
  }

  queues(limitMs: number): Asked<readonly BrokerQueue[]> {
    return this.#all(byClass("queue"), parseBrokerQueue, limitMs);
  }

  async promote(limitMs: number): Asked<null> {
    const body = {
      _object_id: { _object_name: haBrokerName },
      _method_name: "promote",
      _arguments: {},
    };
    const answer = await this.#client.request({ opcode: "_method_request", body }, limitMs);
    if (!answer.ok) return answer;
    return answer.value.type === "done" ? accept(null) : refuse(notAnAnswer);
  }

  close(): void {
    this.#client.end("closed here");
    this.#connection.close();
  }

  async #one<Value>(
    request: ManagementRequest,
    parse: Parse<Value>,
    limitMs: number,
  ): Asked<Value> {
    const found = await this.#all(request, parse, limitMs);
    if (!found.ok) return found;
    const [first] = found.value;
    if (first !== undefined) return accept(first);
    return refuse({
      type: "absent",
      words: "it is in no cluster: set ha-cluster=yes in its qpidd.conf",
    });
  }

  async #all<Value>(
    request: ManagementRequest,
    parse: Parse<Value>,
    limitMs: number,
  ): Asked<readonly Value[]> {
    const answer = await this.#client.request(request, limitMs);
    if (!answer.ok) return answer;
    if (answer.value.type !== "objects") return refuse(notAnAnswer);
    const all: Value[] = [];
    for (const values of answer.value.values) {
      const parsed = parse(values);
      if (!parsed.ok) return refuse({ type: "misfit", misfit: parsed.problem });
      all.push(parsed.value);
    }
    return accept(all);
  }
}

const notAnAnswer: BrokerAskProblem = {
  type: "misfit",
  misfit: { part: "qmf.opcode", text: "is not that of an answer to this request" },
};

/** Tells of member lists; an event of another kind, or one that does not fit, is passed over. */
function membersReader({ onMembers }: BrokerEvents): (message: ManagementMessage) => void {
  return (message) => {
    for (const values of parseEvents(message) ?? []) {
      const members = parseMembersUpdate(values);
      if (members.ok) queueMicrotask(() => onMembers(members.value));
    }
  };
}

function byName(objectName: string): ManagementRequest {
  const body = { _what: "OBJECT", _object_id: { _object_name: objectName } };
  return { opcode: "_query_request", body };
}

function byClass(className: string): ManagementRequest {
  const body = { _what: "OBJECT", _schema_id: { _class_name: className } };
  return { opcode: "_query_request", body };
}
