/**
 * The addresses that clusterd has added on this machine, so that it removes only its own: a list in
 * `addresses.json` of the state directory, valid for one boot of one machine.
 * Does not look at the interfaces.
 * Source: rgmanager's ip.sh. Deviation: that script adopts every address that it finds, and removes
 * it in the end.
 * CLAIM1  An address is in the file before it is added. A daemon that dies in between has claimed
 *     an address that is not there, which does no harm.
 * CLAIM2  A list of another boot, or of another network namespace, is ignored, since its addresses
 *     do not exist any more.
 * CLAIM3  A damaged file is refused, not taken for a missing one. Otherwise an address that an
 *     earlier life has left would count as foreign and stay.
 * The file is written durably, since otherwise a loss of power could leave a damaged one.
 */
import { readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { canonicalAddress, parseAddress } from "../../model/numeric-address.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { checked, list, readOrNull, record, type Shaped, text } from "../../model/shape.ts";
import { parseJson } from "../json-text.ts";
import type { ClaimedAddresses } from "../network-ports.ts";
import { causeText } from "../os-error.ts";
import { readWhole, replaceWhole } from "./atomic-file.ts";

const numeric = checked(text, (one) => (parseAddress(one) === null ? "is not an address" : null));
const claimRecord = record({ machine: text, addresses: list(numeric) });
type ClaimRecord = Shaped<typeof claimRecord>;

export class AddressClaims implements ClaimedAddresses {
  readonly #path: string;
  readonly #machine: string;
  #claimed: ReadonlySet<string>;
  /** The addresses in the file, including those that were released since it was written. */
  #written: ReadonlySet<string>;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, last: ClaimRecord) {
    this.#path = path;
    this.#machine = last.machine;
    this.#claimed = new Set(last.addresses);
    this.#written = this.#claimed;
  }

  /** Refuses, with the reason, if the list of an earlier life cannot be read. */
  static async open(directory: string): Promise<Result<AddressClaims, string>> {
    const path = join(directory, "addresses.json");
    const machine = await thisMachine();
    if (!machine.ok) return machine;
    const content = await readWhole(path);
    if (!content.ok) return refuse(`${path}: ${content.problem.cause}`);
    const last = content.value === null ? null : readOrNull(claimRecord, parseJson(content.value));
    if (content.value !== null && last === null) return refuse(`${path}: the content is damaged`);
    const ours = last?.machine === machine.value ? last.addresses : [];
    return accept(new AddressClaims(path, { machine: machine.value, addresses: ours }));
  }

  /** The claimed addresses in canonical form. */
  get all(): readonly string[] {
    return [...this.#claimed];
  }

  has(address: string): boolean {
    return this.#claimed.has(canonicalAddress(address));
  }

  /** Claims an address (CLAIM1); refuses, with the reason, if the file cannot be written. */
  async claim(address: string): Promise<Result<null, string>> {
    const name = canonicalAddress(address);
    this.#claimed = new Set([...this.#claimed, name]);
    const turn = this.#writing.then(() => this.#write(name));
    this.#writing = turn;
    return await turn;
  }

  /** Removes the claim: the address was seen to be absent. */
  release(address: string): void {
    const name = canonicalAddress(address);
    this.#claimed = new Set([...this.#claimed].filter((one) => one !== name));
  }

  /** Writes the file in advance, so that an address can also be claimed when the disk is full. */
  async reserveSpace(): Promise<Result<null, string>> {
    return await this.#replace(this.#claimed);
  }

  async #write(name: string): Promise<Result<null, string>> {
    if (this.#written.has(name)) return accept(null);
    const written = await this.#replace(new Set([...this.#claimed, name]));
    // The address will not be added, so it must not take room in the file.
    if (!written.ok) this.release(name);
    return written;
  }

  async #replace(addresses: ReadonlySet<string>): Promise<Result<null, string>> {
    const claims: ClaimRecord = { machine: this.#machine, addresses: [...addresses] };
    const content = {
      text: `${JSON.stringify(claims)}\n`,
      mode: 0o600,
      orWriteOver: true,
    } as const;
    const written = await replaceWhole(this.#path, content);
    if (!written.ok) return refuse(`${written.problem.path}: ${written.problem.cause}`);
    this.#written = addresses;
    return accept(null);
  }
}

/** A text that identifies the boot and the network namespace. */
async function thisMachine(): Promise<Result<string, string>> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return accept(`${boot.trim()} ${await readlink("/proc/self/ns/net")}`);
  } catch (error) {
    return refuse(causeText(error));
  }
}
