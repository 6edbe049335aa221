/**
 * The options of ccs-ts: reads edits with their words, and what else is asked for.
 * Source: ccs(8) of RHEL 6, whose long options may be shortened.
 * Deviations: several edits may be given at once; they succeed or fail together. Only
 * `-h localhost` is taken, since there is no ricci.
 * Tested in: test/conf-tool/ccs.test.ts
 */
import { type Arg, formatMistake, type OptionTable, parseArgs } from "../cli/args.ts";
import { socketPathDefault } from "../control/protocol.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { type EditOptions, editRules, foreignOptions } from "./edit-table.ts";
import { listings } from "./listings.ts";

const confFileDefault = "/etc/cluster/cluster.conf";

/** What is done once instead of edits; `getversion` and the listings only read the file. */
const soleOrders = ["getconf", "checkconf", "getversion", "startall", "stopall"] as const;
export type SoleOrder = (typeof soleOrders)[number];

export type EditOrder = {
  readonly name: string;
  readonly words: readonly string[];
  readonly options: EditOptions;
};

export type CcsOrder = {
  readonly file: string;
  /** Given with -f. */
  readonly fileGiven: boolean;
  readonly edits: readonly EditOrder[];
  readonly listing: { readonly name: string; readonly words: readonly string[] } | null;
  readonly sole: SoleOrder | null;
  readonly activate: boolean;
  /** The checks of the configuration refuse nothing. */
  readonly ignore: boolean;
  readonly socketPath: string;
};

export type CcsReading =
  | { readonly type: "order"; readonly order: CcsOrder }
  | { readonly type: "help" | "version" }
  | { readonly type: "mistake"; readonly text: string };

const switches = ["activate", "sync", "ignore", "nounfence", "noenable", "nodisable"] as const;
const actions = [...Object.keys(editRules), ...Object.keys(listings), ...soleOrders];

const table: OptionTable = {
  letters: "f:h:p:ibV?",
  names: {
    ...Object.fromEntries([...actions, ...switches].map((name) => [name, false])),
    ...Object.fromEntries(Object.keys(foreignOptions).map((name) => [name, false])),
    file: true,
    host: true,
    password: true,
    nodeid: true,
    votes: true,
    socket: true,
    help: false,
    version: false,
    lsdomains: false,
  },
};

export const ccsUsage = `usage: ccs-ts [-f FILE] EDIT WORDS... [EDIT WORDS...]... [--activate]
       ccs-ts [-f FILE] --lsnodes | --lsservices | ...
       ccs-ts --checkconf | --getconf | --stopall | --startall
Several edits in one call are made together, or none of them. EDIT is one of:
${Object.entries(editRules)
  .map(([name, { words }]) => `  --${name} ${words}`.trimEnd())
  .join("\n")}
  --nodeid NUMBER, --votes NUMBER   of --addnode
  --nounfence           --addfenceinst: without a device in <unfence>
  -i, --ignore          write even what is not valid
What the file has:
  --lsnodes, --lsfencedev, --lsfenceinst [NODE], --lsfailoverdomain (or --lsdomains),
  --lsservices, --lsmisc, --getversion
All nodes, through the clusterd of this node:
  --activate            put the file in force on all nodes; --sync may stand before it
  --getconf             print the configuration in force; with -f FILE: the file
  --checkconf           whether all nodes have the same configuration
  --stopall             stop all services, then end clusterd on all members
  --startall            let services start again after --stopall; which nodes are missing
  -f, --file FILE       instead of /etc/cluster/cluster.conf
  --socket PATH         the daemon's control socket (else $CLUSTERD_SOCKET)
  -V, --version, --help version, this text
`;

/** The long name of a letter, and other names of the same option. */
const longNames: Readonly<Record<string, string>> = {
  f: "file",
  h: "host",
  p: "password",
  i: "ignore",
  b: "backup",
  V: "version",
  "?": "help",
  lsdomains: "lsfailoverdomain",
};

export function readCcsOptions(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CcsReading {
  const reader = new OptionReader(env["CLUSTERD_SOCKET"] || socketPathDefault);
  for (const arg of parseArgs(words.map(completed), table)) {
    const end = reader.take(arg);
    if (end !== null) return end;
  }
  const order = reader.order();
  return order.ok
    ? { type: "order", order: order.value }
    : { type: "mistake", text: order.problem };
}

/** The whole name of a shortened long option, if there is only one. */
function completed(word: string): string {
  const [, name = "", rest = ""] = /^--([a-z]+)(=.*)?$/s.exec(word) ?? [];
  if (name === "" || Object.hasOwn(table.names, name)) return word;
  const [only, ...more] = Object.keys(table.names).filter((known) => known.startsWith(name));
  return only === undefined || more.length > 0 ? word : `--${only}${rest}`;
}

class OptionReader {
  readonly #given = new Set<string>();
  readonly #actions: { readonly name: string; readonly words: string[] }[] = [];
  readonly #values = new Map<string, string>();
  readonly #socketDefault: string;

  constructor(socketDefault: string) {
    this.#socketDefault = socketDefault;
  }

  /** What ends the reading, or null. */
  take(arg: Arg): CcsReading | null {
    if (arg.type === "operand") {
      const action = this.#actions.at(-1);
      if (action === undefined) return mistake(`'${arg.text}' stands before any option`);
      action.words.push(arg.text);
      return null;
    }
    if (arg.type !== "option") return mistake(formatMistake(arg) ?? "");
    const name = longNames[arg.name] ?? arg.name;
    if (name === "help" || name === "version") return { type: name };
    const instead = Object.hasOwn(foreignOptions, name) ? foreignOptions[name] : undefined;
    if (instead !== undefined) return mistake(`there is no --${name} here: ${instead}`);
    const remote = remoteMistake(name, arg.value);
    if (remote !== null) return mistake(remote);
    if (table.names[name] === true) this.#values.set(name, arg.value);
    else if (actions.includes(name)) this.#actions.push({ name, words: [] });
    else this.#given.add(name);
    return null;
  }

  order(): Result<CcsOrder, string> {
    const options: EditOptions = {
      nodeid: this.#values.get("nodeid") ?? null,
      votes: this.#values.get("votes") ?? null,
      unfences: !this.#given.has("nounfence"),
    };
    const edits = this.#actions.filter(({ name }) => Object.hasOwn(editRules, name));
    const others = this.#actions.filter(({ name }) => !Object.hasOwn(editRules, name));
    const [other] = others;
    const activate = this.#given.has("activate");
    const problem =
      wordsProblem(this.#actions) ??
      this.#combinationProblem(edits, others) ??
      (edits.length + others.length === 0 && !activate ? "nothing is asked for" : null);
    if (problem !== null) return refuse(problem);
    return accept({
      file: this.#values.get("file") ?? confFileDefault,
      fileGiven: this.#values.has("file"),
      edits: edits.map((edit) => ({ ...edit, options })),
      listing: other !== undefined && Object.hasOwn(listings, other.name) ? other : null,
      sole: soleOrders.find((name) => name === other?.name) ?? null,
      activate,
      ignore: this.#given.has("ignore"),
      socketPath: this.#values.get("socket") ?? this.#socketDefault,
    });
  }

  #combinationProblem(
    edits: readonly { readonly name: string }[],
    others: readonly { readonly name: string }[],
  ): string | null {
    const [other, second] = others;
    const activate = this.#given.has("activate");
    if (other !== undefined && (second !== undefined || edits.length > 0 || activate)) {
      const beside = second?.name ?? edits[0]?.name ?? "activate";
      return `--${other.name} and --${beside} cannot be asked for at once`;
    }
    if (this.#given.has("sync") && !activate) {
      return "--sync needs --activate: the nodes write their files when the file comes into force";
    }
    const nodes = edits.filter(({ name }) => name === "addnode").length;
    const ofNode = ["nodeid", "votes"].find((name) => this.#values.has(name));
    if (ofNode !== undefined && nodes !== 1) return `--${ofNode} is for one --addnode`;
    return null;
  }
}

function mistake(text: string): CcsReading {
  return { type: "mistake", text };
}

function remoteMistake(name: string, value: string): string | null {
  if (name === "password") return "there is no ricci, and no password; leave it out";
  if (name !== "host" || ["localhost", "127.0.0.1", "::1"].includes(value)) return null;
  return (
    `-h ${value}: there is no ricci that could work on another node; run the command on any ` +
    "member without -h, its orders reach all members over the ring"
  );
}

function wordsProblem(
  given: readonly { readonly name: string; readonly words: readonly string[] }[],
): string | null {
  for (const { name, words } of given) {
    const rule = Object.hasOwn(editRules, name) ? editRules[name] : undefined;
    const least = rule?.least ?? 0;
    const most = rule === undefined ? (name === "lsfenceinst" ? 1 : 0) : rule.most;
    const usage = `usage: --${name} ${rule?.words ?? ""}`.trimEnd();
    if (words.length < least) return `--${name} needs more words; ${usage}`;
    if (most !== null && words.length > most) {
      return `unexpected '${words[most] ?? ""}' after --${name}; ${usage}`;
    }
  }
  return null;
}
