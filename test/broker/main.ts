/**
 * The stand-in broker for tests: speaks AMQP 1.0 with clients, QMF with managers, and replicates
 * like a clustered qpidd, one process per broker. `main.js --config FILE [--daemon] …`
 */
import { closeSync, readFileSync, writeSync } from "node:fs";
import { refuse } from "../../src/model/outcome.ts";
import {
  type BrokerOptions,
  parseBrokerOptions,
  parseCommandLine,
  parseConfigFile,
  unreadable,
} from "./broker-options.ts";
import { readyVariable } from "./daemonise.ts";

function usageError(text: string): never {
  process.stderr.write(`qpidd: ${text}\n`);
  process.exit(1);
}

function readSettings(argv: readonly string[]): BrokerOptions {
  const commandLine = parseCommandLine(argv);
  if (!commandLine.ok) return usageError(commandLine.problem);
  const configFile = commandLine.value.get("config");
  const none = { ok: true, value: new Map<string, string>() } as const;
  const read = configFile === undefined ? none : readConfig(configFile);
  const inFile = (problem: string) => `Error in configuration file ${configFile}: ${problem}`;
  const file = read.ok ? read.value : usageError(inFile(read.problem));
  const options = parseBrokerOptions(new Map([...file, ...commandLine.value]));
  return options.ok ? options.value : usageError(options.problem);
}

function readConfig(path: string): ReturnType<typeof parseConfigFile> {
  try {
    return parseConfigFile(readFileSync(path, "utf8"), path);
  } catch {
    return refuse(unreadable(path));
  }
}

const argv = process.argv.slice(2);
const settings = readSettings(argv);
const readyFd = process.env[readyVariable];
if (settings.version) {
  process.stdout.write("qpidd (qpid-cpp) version 1.40.0 (stand-in)\n");
} else if (settings.daemon && readyFd === undefined) {
  const { daemonise } = await import("./daemonise.ts");
  process.exit(await daemonise(settings, process.argv.slice(1)));
} else {
  delete process.env[readyVariable];
  const { serve } = await import("./serve.ts");
  serve(settings, () => {
    if (readyFd === undefined) return;
    writeSync(Number(readyFd), "listening\n");
    closeSync(Number(readyFd));
  });
}
