/**
 * Uses the protocol of the kernel's watchdog device: sets its time-out, feeds it and closes it.
 * Source: the kernel's watchdog-api.rst; watchdog(4) drivers.
 * Without ioctl (no koffi, or a device that supports none) the driver's time-out stays as it is,
 * and the device's directory in sysfs tells its properties.
 * Tested in: test/guard/watchdog.test.ts
 * WATCHDOG4  Only an existing character device is opened.
 * WATCHDOG5  A device that would be disarmed by the death of the process that opened it is refused:
 *     it has neither a magic close nor nowayout. So is a device that does not accept the time-out.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { type Ms, ms } from "../../model/time.ts";
import { causeCode, causeText } from "../os-error.ts";
import type { Watchdog, WatchdogFacts } from "../ports.ts";
import type { SystemCalls } from "../system-calls.ts";

const setTimeoutRequest = 0xc0045706;
const getTimeoutRequest = 0x80045707;
const getSupportRequest = 0x80285700;
const getBootStatusRequest = 0x80045702;
const canMagicClose = 0x100;
const wasCardReset = 0x20;
const supportBytes = 40;
const identityOffset = 8;

export type LinuxWatchdogOptions = {
  readonly device: string;
  /** Null: ioctl is not available. */
  readonly ioctl: SystemCalls["ioctl"] | null;
  /** The directory of character devices by number in sysfs; tests use another one. */
  readonly sysfs?: string;
};

type Facts = WatchdogFacts & { readonly magicClose: boolean };

export class LinuxWatchdog implements Watchdog {
  readonly #options: LinuxWatchdogOptions;
  #fd: number | null = null;

  constructor(options: LinuxWatchdogOptions) {
    this.#options = options;
  }

  missing(): string | null {
    const { device } = this.#options;
    try {
      return statSync(device).isCharacterDevice() ? null : noDevice(device);
    } catch (error) {
      const code = causeCode(error);
      return code === "ENOENT" || code === "ENOTDIR" ? causeText(error) : null;
    }
  }

  open(timeoutMs: Ms): Result<WatchdogFacts, string> {
    const { device } = this.#options;
    const opened = openDevice(device);
    if (!opened.ok) return opened;
    const fd = opened.value.fd;
    const read = this.#byCalls(fd, timeoutMs) ?? this.#bySysfs(opened.value.numbers);
    const problem = read.ok ? unfit(read.value, timeoutMs) : read.problem;
    if (read.ok && problem === null) {
      this.#fd = fd;
      const { identity, nowayout, didReset } = read.value;
      return accept({ identity, timeoutMs: read.value.timeoutMs, nowayout, didReset });
    }
    const left = closeDisarmed(fd);
    return refuse(`${device}: ${problem}${left === null ? "" : `; it stays armed: ${left}`}`);
  }

  feed(): Result<null, string> {
    if (this.#fd === null) return refuse("it is not open");
    const problem = writeByte(this.#fd, "\0");
    return problem === null ? accept(null) : refuse(`${this.#options.device}: ${problem}`);
  }

  close(how: "disarmed" | "armed"): Result<null, string> {
    if (this.#fd === null) return accept(null);
    const problem = how === "disarmed" ? closeDisarmed(this.#fd) : closeFile(this.#fd);
    this.#fd = null;
    return problem === null ? accept(null) : refuse(`${this.#options.device}: ${problem}`);
  }

  /** Null: there is no ioctl, or the device does not support it. */
  #byCalls(fd: number, timeoutMs: Ms): Result<Facts, string> | null {
    const { ioctl } = this.#options;
    if (ioctl === null) return null;
    const support = new Uint8Array(supportBytes);
    if (!ioctl(fd, getSupportRequest, support).ok) return null;
    const asked = Int32Array.of(timeoutMs / 1000);
    // Setting the time-out also feeds the device, so it is set only if it differs.
    if (this.#number(fd, getTimeoutRequest) !== asked[0]) {
      const set = ioctl(fd, setTimeoutRequest, new Uint8Array(asked.buffer));
      if (!set.ok) return refuse(`its time-out cannot be set (errno ${set.problem})`);
    }
    const granted = this.#number(fd, getTimeoutRequest);
    if (granted === null) return refuse("its time-out cannot be read");
    const [options = 0] = new Uint32Array(support.buffer);
    return accept({
      identity: wordsOf(support.subarray(identityOffset)),
      timeoutMs: ms(granted * 1000),
      magicClose: (options & canMagicClose) !== 0,
      nowayout: this.#attribute(numbersOf(fd), "nowayout") === "1",
      didReset: ((this.#number(fd, getBootStatusRequest) ?? 0) & wasCardReset) !== 0,
    });
  }

  #bySysfs(numbers: string): Result<Facts, string> {
    const seconds = Number.parseInt(this.#attribute(numbers, "timeout") ?? "", 10);
    if (Number.isNaN(seconds)) {
      return refuse(
        "its time-out cannot be read: no ioctl (is koffi installed?), nothing in sysfs",
      );
    }
    const flag = (name: string, mask: number) =>
      (Number(this.#attribute(numbers, name) ?? "0") & mask) !== 0;
    return accept({
      identity: this.#attribute(numbers, "identity") ?? "unknown",
      timeoutMs: ms(seconds * 1000),
      magicClose: flag("options", canMagicClose),
      nowayout: this.#attribute(numbers, "nowayout") === "1",
      didReset: flag("bootstatus", wasCardReset),
    });
  }

  #number(fd: number, request: number): number | null {
    const value = new Int32Array(1);
    const done = this.#options.ioctl?.(fd, request, new Uint8Array(value.buffer));
    return done?.ok === true ? (value[0] ?? null) : null;
  }

  #attribute(numbers: string, name: string): string | null {
    const { sysfs = "/sys/dev/char" } = this.#options;
    try {
      return readFileSync(`${sysfs}/${numbers}/${name}`, "utf8").trim();
    } catch {
      return null;
    }
  }
}

/** Opens the device (WATCHDOG4). */
function openDevice(
  path: string,
): Result<{ readonly fd: number; readonly numbers: string }, string> {
  let fd = -1;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NOCTTY);
  } catch (error) {
    const busy = causeCode(error) === "EBUSY";
    const who = "another program has it, for example systemd (RuntimeWatchdogSec), watchdogd, sbd";
    return refuse(busy ? `${path}: ${who}` : causeText(error));
  }
  if (fstatSync(fd).isCharacterDevice()) return accept({ fd, numbers: numbersOf(fd) });
  closeSync(fd);
  return refuse(noDevice(path));
}

function noDevice(path: string): string {
  return `${path}: it is not a character device`;
}

/** The numbers of the device as sysfs writes them, for example `10:130`. */
function numbersOf(fd: number): string {
  const { rdev } = fstatSync(fd);
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}

/** Why the device is refused (WATCHDOG5); null: it is not. */
function unfit(facts: Facts, timeoutMs: Ms): string | null {
  if (facts.timeoutMs !== timeoutMs) {
    const granted = `it grants ${facts.timeoutMs / 1000} s instead of ${timeoutMs / 1000} s`;
    return `${granted}; set watchdog_timeout, or the driver's parameter, so that both are equal`;
  }
  if (facts.magicClose || facts.nowayout) return null;
  return "its driver disarms it when the process that feeds it dies (no magic close)";
}

function closeDisarmed(fd: number): string | null {
  const unsaid = writeByte(fd, "V");
  return closeFile(fd) ?? unsaid;
}

function closeFile(fd: number): string | null {
  try {
    closeSync(fd);
    return null;
  } catch (error) {
    return causeText(error);
  }
}

function writeByte(fd: number, byte: string): string | null {
  try {
    writeSync(fd, byte);
    return null;
  } catch (error) {
    return causeText(error);
  }
}

/** The text in a field of fixed length that is padded with zeros. */
function wordsOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end))
    .toString("latin1")
    .trim();
}
