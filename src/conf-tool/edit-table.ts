/**
 * The edits by the name of their option: which words each takes, and what it does.
 * Source: ccs(8) of RHEL 6.
 * Tested in: test/conf-tool/edits.test.ts
 */
import { refuse } from "../model/outcome.ts";
import {
  addNode,
  addRepeated,
  type NodeOptions,
  raiseVersion,
  removeNode,
  removeRepeated,
  setMulticast,
  setSection,
  setVersion,
} from "./cluster-edits.ts";
import type { Edited } from "./conf-find.ts";
import type { ConfText } from "./conf-text.ts";
import {
  addFenceDevice,
  addFenceInstance,
  addMethod,
  addUnfenceInstance,
  removeFenceDevice,
  removeFenceInstances,
  removeMethod,
  removeUnfenceInstances,
} from "./fence-edits.ts";
import {
  addDomain,
  addDomainNode,
  addResource,
  addService,
  addSubservice,
  removeDomain,
  removeDomainNode,
  removeResource,
  removeService,
  removeSubservice,
  type ServiceElement,
} from "./service-edits.ts";

export type EditOptions = NodeOptions & {
  /** Agents that need it get an unfence device by themselves. */
  readonly unfences: boolean;
};

export type EditRule = {
  /** The words in the usage; those in capitals are needed. */
  readonly words: string;
  readonly least: number;
  /** Null: any number. */
  readonly most: number | null;
  readonly apply: (conf: ConfText, words: readonly string[], options: EditOptions) => Edited;
};

/** `[` begins what may be left out, `...` stands for any number of words. */
function rule(words: string, apply: EditRule["apply"]): EditRule {
  const parts = words.split(" ").filter((word) => word !== "");
  const least = parts.filter((word) => !word.startsWith("[")).length;
  return { words, least, most: words.includes("...") ? null : parts.length, apply };
}

function setting(...path: readonly string[]): EditRule {
  return rule("[NAME=VALUE...]", (conf, words) => setSection(conf, path, words));
}

function servicePair(element: ServiceElement, word: string): Readonly<Record<string, EditRule>> {
  return {
    [`add${element}`]: rule(`${word} [NAME=VALUE...]`, (conf, [name = "", ...words]) =>
      addService(conf, { element, name }, words),
    ),
    [`rm${element}`]: rule(word, (conf, [name = ""]) => removeService(conf, element, name)),
  };
}

const someValues = "NAME=VALUE [NAME=VALUE...]";
const loggingDaemon = ["logging", "logging_daemon"];

export const editRules: Readonly<Record<string, EditRule>> = {
  createcluster: rule("CLUSTER", () => refuse("--createcluster must come first")),
  setversion: rule("VERSION", (conf, [version = ""]) => setVersion(conf, version)),
  incversion: rule("", raiseVersion),
  addnode: rule("NODE", (conf, [name = ""], options) => addNode(conf, name, options)),
  rmnode: rule("NODE", (conf, [name = ""]) => removeNode(conf, name)),
  addfencedev: rule("DEVICE [NAME=VALUE...]", (conf, [name = "", ...words]) =>
    addFenceDevice(conf, name, words),
  ),
  rmfencedev: rule("DEVICE", (conf, [name = ""]) => removeFenceDevice(conf, name)),
  addmethod: rule("METHOD NODE", (conf, [method = "", node = ""]) => addMethod(conf, method, node)),
  rmmethod: rule("METHOD NODE", (conf, [method = "", node = ""]) =>
    removeMethod(conf, method, node),
  ),
  addfenceinst: rule(
    "DEVICE NODE METHOD [NAME=VALUE...]",
    (conf, [device = "", node = "", method = "", ...words], { unfences }) =>
      addFenceInstance(conf, { device, node, method }, { words, unfences }),
  ),
  rmfenceinst: rule("DEVICE NODE METHOD", (conf, [device = "", node = "", method = ""]) =>
    removeFenceInstances(conf, { device, node, method }),
  ),
  addunfenceinst: rule("DEVICE NODE [NAME=VALUE...]", (conf, [device = "", node = "", ...words]) =>
    addUnfenceInstance(conf, { device, node }, words),
  ),
  rmunfenceinst: rule("DEVICE NODE", (conf, [device = "", node = ""]) =>
    removeUnfenceInstances(conf, { device, node }),
  ),
  addfailoverdomain: rule(
    "NAME [restricted] [ordered] [nofailback]",
    (conf, [name = "", ...words]) => addDomain(conf, name, words),
  ),
  rmfailoverdomain: rule("NAME", (conf, [name = ""]) => removeDomain(conf, name)),
  addfailoverdomainnode: rule(
    "DOMAIN NODE [PRIORITY]",
    (conf, [domain = "", node = "", priority = null]) =>
      addDomainNode(conf, { domain, node }, priority),
  ),
  rmfailoverdomainnode: rule("DOMAIN NODE", (conf, [domain = "", node = ""]) =>
    removeDomainNode(conf, domain, node),
  ),
  addresource: rule("TYPE [NAME=VALUE...]", (conf, [type = "", ...words]) =>
    addResource(conf, type, words),
  ),
  rmresource: rule("TYPE [NAME=VALUE...]", (conf, [type = "", ...words]) =>
    removeResource(conf, type, words),
  ),
  ...servicePair("service", "SERVICE"),
  ...servicePair("vm", "MACHINE"),
  addsubservice: rule("SERVICE PART [NAME=VALUE...]", (conf, [service = "", path = "", ...words]) =>
    addSubservice(conf, { service, path }, words),
  ),
  rmsubservice: rule("SERVICE PART", (conf, [service = "", path = ""]) =>
    removeSubservice(conf, service, path),
  ),
  setcman: setting("cman"),
  settotem: setting("totem"),
  setfencedaemon: setting("fence_daemon"),
  setlogging: setting("logging"),
  setrm: setting("rm"),
  setdlm: setting("dlm"),
  setmulticast: rule("[ADDRESS] [NAME=VALUE...]", setMulticast),
  addlogging: rule(someValues, (conf, words) => addRepeated(conf, loggingDaemon, words)),
  rmlogging: rule(someValues, (conf, words) => removeRepeated(conf, loggingDaemon, words)),
  setuidgid: rule(someValues, (conf, words) => addRepeated(conf, ["uidgid"], words)),
  rmuidgid: rule(someValues, (conf, words) => removeRepeated(conf, ["uidgid"], words)),
};

/** Options of ccs that clusterd has no use for, and what to do instead. */
export const foreignOptions: Readonly<Record<string, string>> = {
  setconf: "put FILE in force on all nodes with -f FILE --activate",
  getschema: "the schema is conf/cluster.rng of clusterd",
  usealt: "there is no ricci: orders travel over the ring",
  start: "start the daemon of this node with: systemctl start clusterd",
  stop: "end the daemon of this node with: cman_tool-ts leave -w",
  exp: "edit the file",
  exprm: "edit the file",
  addalt: "clusterd has one ring: use a bond of two interfaces",
  rmalt: "remove <altname> from the file",
  setaltmulticast: "clusterd has one ring: use a bond of two interfaces",
  lsquorum: "there is no quorum disk; see auto_tie_breaker in cluster.conf(5)",
  setquorumd: "there is no quorum disk; see auto_tie_breaker in cluster.conf(5)",
  addheuristic: "there is no quorum disk; see auto_tie_breaker in cluster.conf(5)",
  rmheuristic: "there is no quorum disk; see auto_tie_breaker in cluster.conf(5)",
  addaction: "write <action> into the file, see cluster.conf(5)",
  rmaction: "remove <action> from the file",
  lsserviceopts: "cluster.conf(5) has the built-in types; ask an agent with its action meta-data",
  lsresourceopts: "cluster.conf(5) has the built-in types; ask an agent with its action meta-data",
  lsfenceopts: "ask the fence agent: AGENT -o metadata",
  backup: "copy the file first; a refused edit changes nothing",
};
