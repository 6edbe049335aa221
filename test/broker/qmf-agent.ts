/**
 * The broker's management agent: requests in, answers out, silence where the original is silent.
 * Knows no links. Source: qpid-cpp management/ManagementAgent.cpp: dispatchCommand.
 */
import rhea, { type Message } from "rhea";
import { parseBrokersUrl } from "./broker-options.ts";
import type { HaBroker } from "./ha-broker.ts";
import type { Member } from "./ha-states.ts";
import {
  binary,
  brokerObjectName,
  describeMembers,
  encodeObject,
  haObjectName,
  type QmfMap,
  type QmfValue,
  qmfObjects,
} from "./qmf-objects.ts";
import { asMap, asScalars, asText } from "./qmf-values.ts";
import type { Worker } from "./worker-pool.ts";

/** Where answers go: an exchange and key, or a queue, as the reply-to says. */
export type Reply = (address: string, content: Buffer) => void;

const objectsPerMessage = 100;

type Failure = { readonly code: number; readonly text: string };
type MethodResult = { readonly failure: Failure } | { readonly values: QmfMap };

/** Who asks, and the thread that is occupied while the question waits. */
export type Requester = {
  readonly user: string;
  readonly worker: Worker;
  /** Closes the connection: the original's only answer to a query that is not allowed. */
  readonly expel: (text: string) => void;
};

type QmfBody = Readonly<Record<string, unknown>>;

const invalidParameter: Failure = { code: 4, text: "InvalidParameter" };
const forbidden: Failure = { code: 6, text: "Forbidden" };
const unknownMethod: Failure = { code: 2, text: "UnknownMethod" };

export class QmfAgent {
  readonly #broker: HaBroker;
  readonly #reply: Reply;
  readonly #startedAtMs = Date.now();

  constructor(broker: HaBroker, reply: Reply) {
    this.#broker = broker;
    this.#reply = reply;
  }

  /** A message that was sent to the direct exchange with the subject `broker`. */
  async request(message: Message, requester: Requester): Promise<void> {
    const properties = asMap(message.application_properties);
    const known = asText(properties["x-amqp-0-10.app-id"]) === "qmf2";
    if (!known || asText(message.reply_to) === "") return;
    const body = asMap(message.body);
    switch (asText(properties["qmf.opcode"])) {
      case "_query_request":
        this.#query(message, body, requester);
        return;
      case "_method_request":
        await this.#call(message, body, requester);
        return;
      default:
        return;
    }
  }

  /** The event that tells listeners of the topic exchange about another member list. */
  membersEvent(members: readonly Member[]): { readonly key: string; readonly content: Buffer } {
    const key = "agent.ind.event.org_apache_qpid_ha.membersUpdate.info.apache_org.qpidd.broker";
    const event: QmfMap = {
      _schema_id: {
        _package_name: binary("org.apache.qpid.ha"),
        _class_name: binary("membersUpdate"),
        _type: binary("_event"),
      },
      _values: { members: describeMembers(members) },
    };
    const content = rhea.message.encode({
      subject: key,
      content_type: "amqp/list",
      application_properties: {
        "x-amqp-0-10.app-id": "qmf2",
        "qmf.opcode": "_data_indication",
        "qmf.content": "_event",
        "qmf.agent": "broker",
        method: "indication",
      },
      body: [event],
    });
    return { key, content };
  }

  #query(request: Message, body: QmfBody, { user, expel }: Requester): void {
    const what = asText(body["_what"]);
    if (what !== "OBJECT") {
      const asked = `Query for _what => '${what}' not supported`;
      const text = "_what" in body ? asked : "_what element missing in Query";
      this.#fail(request, { code: 1, text });
      return;
    }
    const schema = asMap(body["_schema_id"]);
    const objectName = asText(asMap(body["_object_id"])["_object_name"]);
    const name = objectName === "" ? asText(schema["_class_name"]) : objectName;
    if (!this.#broker.access.permits(user, { action: "access", object: "query", name })) {
      expel(`unauthorized-access: ACL denied QMF query of ${name} from ${user}`);
      return;
    }
    const found = qmfObjects(this.#broker).filter((object) => {
      if (objectName !== "") return object.objectName === objectName;
      const packageName = asText(schema["_package_name"]);
      const samePackage = packageName === "" || packageName === object.packageName;
      return object.className === asText(schema["_class_name"]) && samePackage;
    });
    const encoded = found.map((object) => encodeObject(object, this.#startedAtMs));
    do {
      const part = encoded.splice(0, objectsPerMessage);
      const partial = encoded.length > 0 ? { partial: "" } : {};
      const properties = { "qmf.opcode": "_query_response", "qmf.content": "_data", ...partial };
      this.#answer(request, { contentType: "amqp/list", properties, body: part });
    } while (encoded.length > 0);
  }

  async #call(request: Message, body: QmfBody, requester: Requester): Promise<void> {
    const result = await this.#perform(body, requester);
    if ("failure" in result) {
      this.#fail(request, result.failure);
      return;
    }
    const properties = { "qmf.opcode": "_method_response" };
    const answer: QmfMap = { _arguments: result.values };
    this.#answer(request, { contentType: "amqp/map", properties, body: answer });
    // In the next turn but one the answer has been written.
    if (asText(body["_method_name"]) !== "promote") return;
    setImmediate(() => setImmediate(() => this.#broker.hooks.pass("promote-answered")));
  }

  async #perform(body: QmfBody, requester: Requester): Promise<MethodResult> {
    if (!("_object_id" in body && "_method_name" in body)) return { failure: invalidParameter };
    const objectName = asText(asMap(body["_object_id"])["_object_name"]);
    const method = asText(body["_method_name"]);
    const given = asMap(body["_arguments"]);
    const known = qmfObjects(this.#broker).some((object) => object.objectName === objectName);
    if (!known) return { failure: { code: 1, text: `No object found with ID=${objectName}` } };
    const { user, worker } = requester;
    const wanted = { action: "access", object: "method", name: method } as const;
    if (!this.#broker.access.permits(user, wanted)) return { failure: forbidden };
    if (objectName === haObjectName) return this.#haMethod(method, given, worker);
    if (objectName === brokerObjectName) return this.#brokerMethod(method, given, user);
    return { failure: unknownMethod };
  }

  async #haMethod(method: string, given: QmfBody, worker: Worker): Promise<MethodResult> {
    switch (method) {
      case "promote": {
        const refusal = await this.#broker.promote(worker);
        return refusal === null ? { values: {} } : { failure: { code: 7, text: refusal } };
      }
      case "setBrokersUrl":
        this.#broker.setBrokersUrl(parseBrokersUrl(asText(given["url"])));
        return { values: {} };
      case "setPublicUrl":
        this.#broker.publicUrl = asText(given["url"]);
        return { values: {} };
      default:
        return { failure: unknownMethod };
    }
  }

  #brokerMethod(method: string, given: QmfBody, user: string): MethodResult {
    switch (method) {
      case "echo":
        return { values: { sequence: asNumber(given["sequence"]), body: echoed(given["body"]) } };
      case "create":
      case "delete":
        return this.#onQueue(method, given, user);
      default:
        return { failure: unknownMethod };
    }
  }

  /** Creates or deletes. */
  #onQueue(action: "create" | "delete", given: QmfBody, user: string): MethodResult {
    const failed = (text: string) => ({ failure: { code: 7, text } });
    const [type, name] = [asText(given["type"]), asText(given["name"])];
    const { queues, access } = this.#broker;
    if (type !== "queue" || name === "") return failed(`unknown object type: ${type}`);
    if (!access.permits(user, { action, object: "queue", name })) {
      return failed(`unauthorized-access: ACL denied queue ${action} request from ${user}`);
    }
    const there = queues.get(name) !== undefined;
    if (action === "create") {
      if (there) return failed(`object already exists: ${name}`);
      // Management creates for everybody: an exclusive queue needs a session that owns it.
      const { exclusive: _, ...properties } = asScalars(given["properties"]);
      this.#broker.createQueue(name, properties);
      return { values: {} };
    }
    if (!there) return failed(`not-found: Delete failed. No such queue: ${name}`);
    queues.drop(name);
    return { values: {} };
  }

  #fail(request: Message, failure: Failure): void {
    const properties = { "qmf.opcode": "_exception", method: "indication" };
    const values = { error_code: failure.code, error_text: binary(failure.text) };
    this.#answer(request, { contentType: "amqp/map", properties, body: { _values: values } });
  }

  #answer(
    request: Message,
    answer: {
      readonly contentType: string;
      readonly properties: Readonly<Record<string, string>>;
      readonly body: QmfMap | readonly QmfMap[];
    },
  ): void {
    const id = request.correlation_id;
    const content = rhea.message.encode({
      content_type: answer.contentType,
      ...(id === undefined ? {} : { correlation_id: String(id) }),
      application_properties: {
        "x-amqp-0-10.app-id": "qmf2",
        "qmf.agent": "broker",
        method: "response",
        ...answer.properties,
      },
      body: answer.body,
    });
    this.#broker.hooks.answer(() => this.#reply(asText(request.reply_to), content));
  }
}

function asNumber(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function echoed(value: unknown): QmfValue {
  if (typeof value === "number" || typeof value === "boolean") return value;
  return binary(asText(value));
}
