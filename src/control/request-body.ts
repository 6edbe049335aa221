/**
 * Reads the body of an HTTP request as bytes or JSON, within a limit.
 * Tested in: test/control/control-server.test.ts
 */
import type { IncomingMessage } from "node:http";
import { accept, type Result, refuse } from "../model/outcome.ts";
import type { ControlError } from "./control-error.ts";

/** An empty body counts as an empty object. */
export async function readJsonBody(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Result<unknown, ControlError>> {
  const content = await readBody(request, bytesMax);
  return content.ok ? parseJson(content.value.toString("utf8")) : content;
}

export function readBody(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Result<Buffer, ControlError>> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes <= bytesMax) parts.push(part);
      else {
        request.pause();
        const text = `the body is larger than ${bytesMax} bytes`;
        resolve(refuse({ type: "body-too-large", text }));
      }
    });
    request.on("end", () => resolve(accept(Buffer.concat(parts))));
    const broken: ControlError = { type: "bad-request", text: "the body ended too early" };
    request.on("error", () => resolve(refuse(broken)));
    request.on("close", () => resolve(refuse(broken)));
  });
}

function parseJson(content: string): Result<unknown, ControlError> {
  if (content.trim() === "") return accept({});
  try {
    return accept(JSON.parse(content));
  } catch (error) {
    const text = `the body is not JSON: ${error instanceof Error ? error.message : "unreadable"}`;
    return refuse({ type: "bad-request", text });
  }
}
