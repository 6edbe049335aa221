/** The ports of ccs-ts over files in memory, and over the checks that look at no machine. */

import { ccs } from "../../src/conf-tool/ccs.ts";
import type { CcsPorts } from "../../src/conf-tool/ccs-ports.ts";
import { readClusterConf } from "../../src/config/cluster-conf.ts";
import { parseXml } from "../../src/config/text/xml.ts";
import { confHash } from "../../src/daemon/loaded-conf.ts";
import { accept } from "../../src/model/outcome.ts";
import { fakeTerminal } from "../cli/fake-terminal.ts";
import type { Outcome } from "../cli/spawned.ts";

export class MemoryFiles {
  readonly content = new Map<string, string>();
  /** Called before each writing, as another program might be. */
  onCheck: () => void = () => undefined;
  unwritable: string | null = null;

  constructor(conf: string | null = null) {
    if (conf !== null) this.content.set("c.conf", conf);
  }

  get conf(): string | null {
    return this.content.get("c.conf") ?? null;
  }

  ports(terminal: CcsPorts["terminal"]): CcsPorts {
    return {
      terminal,
      read: async (file) => accept(this.content.get(file) ?? null),
      hashOf: confHash,
      write: async (file, text) => {
        if (this.unwritable === null) this.content.set(file, text);
        return this.unwritable;
      },
      complaints: async (text, file) => {
        this.onCheck();
        return readClusterConf(parseXml(text), { file }).complaints;
      },
    };
  }

  /** Runs the command on c.conf. */
  async ccs(...words: readonly string[]): Promise<Outcome> {
    return await this.#run(["-f", "c.conf", ...words], {});
  }

  /** Runs it with the daemon at the socket. */
  async ccsAt(socketPath: string, ...words: readonly string[]): Promise<Outcome> {
    return await this.#run(words, { CLUSTERD_SOCKET: socketPath });
  }

  async #run(words: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
    const { terminal, out, err } = fakeTerminal(env);
    const exit = await ccs(words, this.ports(terminal));
    return { out: out(), err: err(), exit };
  }
}
