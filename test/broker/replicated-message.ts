/**
 * What has become of a message that a broker got from another one: replication speaks AMQP 0-10,
 * and the way there and back loses some of it. Order and application properties survive.
 * Source: qpid-cpp broker/amqp/Translation.cpp.
 */
import rhea from "rhea";

const uuidText = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** Encoded as before; doing it twice changes nothing more. */
export function translateReplicated(content: Buffer, queue: string): Buffer {
  const message = rhea.message.decode(content);
  const { message_id: id, body } = message;
  const uuid = Buffer.isBuffer(id) && id.length === 16 ? asText(id) : id;
  const kept = typeof uuid === "string" && uuidText.test(uuid);
  const text = typeof body === "string";
  return rhea.message.encode({
    ...message,
    to: `qpid.ha-q:${queue}`,
    message_id: kept ? uuid : undefined,
    ...(text ? { body: rhea.message.data_section(Buffer.from(body)) } : {}),
    ...(text ? { content_type: "text/plain" } : {}),
  });
}

function asText(uuid: Buffer): string {
  return uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
