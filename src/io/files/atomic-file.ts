/**
 * Reads and replaces whole files: after a crash at any point, a file has its old or its new
 * content.
 * Source: rename(2), fsync(2) (a rename is durable only once its directory was synced).
 * ATOMIC1  If the disk has no room for another file, a short file may be written over, since it has
 *     a block already. A sector is written wholly or not at all, so content that fits into a sector
 *     is not damaged.
 */
import { randomBytes } from "node:crypto";
import { constants, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";
import type { StoreProblem } from "../ports.ts";
import { textOf } from "./text-file.ts";

/** The text, or null when there is no such file. */
export async function readWhole(path: string): Promise<Result<string | null, StoreProblem>> {
  try {
    return accept(await textOf(path));
  } catch (error) {
    if (causeCode(error) === "ENOENT") return accept(null);
    return refuse({ type: "unreadable", path, cause: causeText(error) });
  }
}

export type FileContent = {
  readonly text: string;
  /** Permission bits; `kept`: the bits and the owner of the file that is replaced. */
  readonly mode: number | { readonly kept: true; readonly otherwise: number };
  /** Permits ATOMIC1; a loss of power may then damage content that is longer than a sector. */
  readonly orWriteOver?: true;
};

/** The smallest block size of common file systems. */
const writtenOverMax = 1024;

/**
 * Replaces the file; the content is durable when it returns. It is written to a new file beside it
 * with a random name, so that no prepared link of that name can be followed.
 */
export async function replaceWhole(
  path: string,
  { text, mode, orWriteOver }: FileContent,
): Promise<Result<null, StoreProblem>> {
  try {
    const kept = typeof mode === "number" ? null : await presentFile(path);
    // If the path is a link, the link stays and its target is replaced.
    const target = kept?.path ?? path;
    const bits = typeof mode === "number" ? mode : (kept?.mode ?? mode.otherwise);
    const fresh = join(dirname(target), `.${basename(target)}.${randomBytes(8).toString("hex")}`);
    const file = await open(fresh, freshFlags, 0o600);
    try {
      if (kept !== null) await file.chown(kept.uid, kept.gid);
      await file.chmod(bits);
      await file.writeFile(text);
      await file.sync();
      await rename(fresh, target);
    } catch (error) {
      await unlink(fresh).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    const directory = await open(dirname(target), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    return accept(null);
  } catch (error) {
    const noRoom = ["ENOSPC", "EDQUOT"].includes(causeCode(error) ?? "");
    if (noRoom && orWriteOver === true && (await writeOver(path, text))) return accept(null);
    return refuse({ type: "unwritable", path, cause: causeText(error) });
  }
}

/** ATOMIC1: writes the text over the file, and spaces over the rest. */
async function writeOver(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      const bytes = Buffer.from(text.trimEnd());
      const whole = Buffer.alloc(Math.max(size, bytes.length + 1), " ");
      if (whole.length > writtenOverMax) return false;
      bytes.copy(whole);
      whole.write("\n", whole.length - 1);
      const { bytesWritten } = await file.write(whole, 0, whole.length, 0);
      await file.sync();
      return bytesWritten === whole.length;
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

const freshFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function presentFile(path: string): Promise<{
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
} | null> {
  try {
    const target = await realpath(path);
    const { mode, uid, gid } = await stat(target);
    return { path: target, mode: mode & 0o777, uid, gid };
  } catch (error) {
    if (causeCode(error) === "ENOENT") return null;
    throw error;
  }
}
