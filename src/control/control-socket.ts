/**
 * The file of a control socket: removes a stale one, and sets who may connect.
 * Tested in: test/control/control-server.test.ts, test/daemon/control-sockets.test.ts
 * SOCKET1  A socket file is removed only when no process listens on it.
 * SOCKET2  Only owner, group and mode of the file decide who may connect.
 */
import { chown, lstat, readdir, readFile, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { accept, type Result, refuse } from "../model/outcome.ts";

export type SocketProblem =
  | { readonly type: "socket-in-use"; readonly path: string }
  | { readonly type: "not-a-socket"; readonly path: string }
  | { readonly type: "listen-failed"; readonly path: string; readonly cause: string };

/** Who may connect besides the daemon's own user. */
export type SocketAccess =
  /** The members of the group, if the machine has it. */
  | { readonly type: "group-name"; readonly name: string }
  | { readonly type: "uid" | "gid"; readonly id: number };

/** Size of sun_path without its zero byte, unix(7); a longer path would silently be cut. */
const socketPathBytesMax = 107;

/** The umask for a new socket file, so that it is private from the start. */
export function socketMask(access: SocketAccess): number {
  return access.type === "uid" ? 0o177 : 0o117;
}

/** Removes a socket on which no process listens; refuses if anything else has that path. */
export async function clearSocketPath(path: string): Promise<Result<null, SocketProblem>> {
  if (Buffer.byteLength(path) > socketPathBytesMax) {
    const cause = `a socket path has at most ${socketPathBytesMax} bytes`;
    return refuse({ type: "listen-failed", path, cause });
  }
  try {
    const found = await lstat(path);
    if (!found.isSocket()) return refuse({ type: "not-a-socket", path });
    if (await someoneAnswers(path)) return refuse({ type: "socket-in-use", path });
    await unlink(path);
    return accept(null);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "ENOENT") return accept(null);
    const cause = error instanceof Error ? error.message : String(error);
    return refuse({ type: "listen-failed", path, cause });
  }
}

/** Only a refused connection proves that no process listens; a full queue proves that one does. */
function someoneAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.on("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", (error) => {
      resolve(!("code" in error) || (error.code !== "ECONNREFUSED" && error.code !== "ENOENT"));
    });
  });
}

/** Null, or why only the daemon's own user may connect. */
export async function restrictSocket(path: string, access: SocketAccess): Promise<string | null> {
  try {
    const uid = access.type === "uid" ? access.id : (process.getuid?.() ?? 0);
    const gid = await groupOf(access);
    if (gid !== null) await chown(path, uid, gid);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function groupOf(access: SocketAccess): Promise<number | null> {
  if (access.type !== "group-name") {
    return access.type === "gid" ? access.id : (process.getgid?.() ?? 0);
  }
  const groups = await readFile("/etc/group", "utf8");
  const line = groups.split("\n").find((each) => each.startsWith(`${access.name}:`));
  const id = Number.parseInt(line?.split(":")[2] ?? "", 10);
  return Number.isNaN(id) ? null : id;
}

/** Removes the stale sockets (SOCKET1) whose names match, except those in `kept`. */
export async function removeStaleSockets(
  directory: string,
  pattern: RegExp,
  kept: readonly string[],
): Promise<void> {
  const names = await namesIn(directory);
  for (const name of names.filter((each) => pattern.test(each) && !kept.includes(each))) {
    await clearSocketPath(`${directory}/${name}`);
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch {
    return [];
  }
}
