/**
 * Reads a qpidd.conf, and says whether others than its owner can: it may hold a password. Finds
 * that of this machine's broker.
 * Source: qpidd(1), open(2), fstat(2).
 * Tested in: test/cli/qpid-ha-command.test.ts, test/io/qpidd-conf-file.test.ts
 */
import { open } from "node:fs/promises";
import {
  type BrokerSource,
  ofInitScripts,
  qpiddConfPath,
  qpiddSettingsFiles,
} from "../brokers/own-broker.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { readText } from "./files/text-file.ts";
import { causeText } from "./os-error.ts";

export type QpiddConfFile = {
  readonly text: string;
  /** Its mode, such as `0644`, when it gives others a permission; else null. */
  readonly exposedBy: string | null;
};

/** The file, or why it cannot be read, in the words of the operating system. */
export async function readQpiddConfFile(path: string): Promise<Result<QpiddConfFile, string>> {
  try {
    const file = await open(path, "r");
    try {
      const { mode } = await file.stat();
      const bits = (mode & 0o7777).toString(8).padStart(4, "0");
      const text = await file.readFile("utf8");
      return accept({ text, exposedBy: (mode & 0o077) === 0 ? null : bits });
    } finally {
      await file.close();
    }
  } catch (error) {
    return refuse(causeText(error));
  }
}

/** The qpidd.conf of this machine's broker. */
export type OwnQpiddConf = {
  readonly path: string;
  /** Its text, or why it cannot be read. */
  readonly text: Result<string, string>;
  /** The first line of the source's password file, or why it cannot be read; absent: no file. */
  readonly password?: Result<string, string>;
};

/** `settingsFiles`: what the init scripts source, in their order. */
export async function readOwnQpiddConf(
  source: BrokerSource = ofInitScripts,
  settingsFiles: readonly string[] = qpiddSettingsFiles,
): Promise<OwnQpiddConf> {
  const path = source.config === "" ? await pathOfScripts(settingsFiles) : source.config;
  const found = { path, text: await readText(path) };
  const { passwordFile } = source;
  if (passwordFile === "") return found;
  const read = await readText(passwordFile);
  const password = read.ok
    ? accept(read.value.split("\n", 1)[0] ?? "")
    : refuse(`${passwordFile}: ${read.problem}`);
  return { ...found, password };
}

async function pathOfScripts(settingsFiles: readonly string[]): Promise<string> {
  const settings = await Promise.all(settingsFiles.map((path) => readText(path)));
  return qpiddConfPath(settings.flatMap((one) => (one.ok ? [one.value] : [])));
}
