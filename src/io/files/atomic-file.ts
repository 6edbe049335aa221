/**
 * Whole files, read or replaced: after a crash at any point the old or the new content is there.
 * Does not know what the files hold. Source: rename(2), fsync(2) (a rename is durable only once its
 * directory was synced).
 * ATOMIC1  Where the disk has no room for another file, a short one that is there already may be
 *     written over: its block is its own. A sector is written or not, so one that fits in it stays
 *     whole.
 */
import { randomBytes } from "node:crypto";
import { constants, open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";
import type { StoreProblem } from "../ports.ts";

/** The text, or null when there is no such file. */
export async function readWhole(path: string): Promise<Result<string | null, StoreProblem>> {
  try {
    return accept(await readFile(path, "utf8"));
  } catch (error) {
    if (causeCode(error) === "ENOENT") return accept(null);
    return refuse({ type: "unreadable", path, cause: causeText(error) });
  }
}

export type FileContent = {
  readonly text: string;
  /** Permission bits; `kept`: those of the file that is replaced, and its owner. */
  readonly mode: number | { readonly kept: true; readonly otherwise: number };
  /** ATOMIC1; longer than a sector the content may be damaged by a loss of power, then. */
  readonly orWriteOver?: true;
};

/** The smallest block of usual file systems. */
const writtenOverMax = 1024;

/**
 * Durable when it returns. The content goes through a file of its own beside it, with a name that
 * nobody can have prepared: whatever stands there, a link to another file too, is not followed.
 */
export async function replaceWhole(
  path: string,
  { text, mode, orWriteOver }: FileContent,
): Promise<Result<null, StoreProblem>> {
  try {
    const kept = typeof mode === "number" ? null : await presentFile(path);
    // A link to the file stays one.
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

/** ATOMIC1: spaces take the place of what was there beyond the text. */
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
