/** One contract for every watchdog, real on a stand-in and virtual; and what is refused. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { LinuxWatchdog } from "../../src/io/host/linux-watchdog.ts";
import { loadSystemCalls } from "../../src/io/system-calls.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import { ms } from "../../src/model/time.ts";
import { type MakeWatchdog, watchdogContract } from "../io/watchdog.contract.ts";
import { StandInWatchdog, standInProblem } from "./stand-in-watchdog.ts";
import { VirtualWatchdog } from "./virtual-watchdog.ts";

const skip = standInProblem() ?? false;
const timeoutMs = ms(5000);

const makers: Readonly<Record<string, MakeWatchdog>> = {
  virtual: async (_, kind) => {
    const time = { after: () => undefined };
    const watchdog = new VirtualWatchdog(time, { timeoutMs, ...kind }, () => undefined);
    return { watchdog, written: () => watchdog.written };
  },
  linux: async (t, kind) => {
    const sysfs = directory(t);
    const device = await StandInWatchdog.start(sysfs, { timeoutSeconds: 5, ...kind });
    t.teardown(() => device.stop());
    const watchdog = new LinuxWatchdog({ device: device.device, ioctl: null, sysfs });
    return { watchdog, written: () => device.written };
  },
};

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), "watchdog-"));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

for (const [name, make] of Object.entries(makers)) {
  watchdogContract(name, make, { skip: name === "linux" ? skip : false });
}

test("what is no character device is not opened, and nothing is made", async (t) => {
  const place = directory(t);
  const file = join(place, "file");
  writeFileSync(file, "");
  const open = (device: string) => new LinuxWatchdog({ device, ioctl: null }).open(timeoutMs);
  t.match(open(file), { ok: false, problem: /it is not a character device/ });
  t.match(open(join(place, "absent")), { ok: false, problem: /ENOENT/ });
  t.match(open("/dev/null"), { ok: false, problem: /its time-out cannot be read/ });
  const missing = (device: string) => new LinuxWatchdog({ device, ioctl: null }).missing();
  t.match(missing(file), /it is not a character device/);
  t.match(missing(join(place, "absent")), /ENOENT/);
  t.match(missing(join(file, "below")), /ENOTDIR/);
  t.equal(missing("/dev/null"), null);
  t.equal(missing(`/${"x".repeat(300)}`), null, "it could not be looked at");
});

/** The requests of a driver, as its ioctl answers them. */
class Driver {
  timeoutSeconds = 60;
  readonly asked: string[] = [];
  grants = (seconds: number) => seconds;

  readonly ioctl = (_: number, request: number, bytes: Uint8Array): Result<null, number> => {
    const words = new Int32Array(bytes.buffer);
    switch (request) {
      case 0x80285700:
        words[0] = 0x8180;
        bytes.set(Buffer.from("driver\0"), 8);
        return accept(null);
      case 0xc0045706:
        this.asked.push(`set ${words[0]}`);
        this.timeoutSeconds = this.grants(words[0] ?? 0);
        return accept(null);
      case 0x80045707:
        words[0] = this.timeoutSeconds;
        return accept(null);
      case 0x80045702:
        words[0] = 0x20;
        return accept(null);
      default:
        return refuse(22);
    }
  };
}

const loaded = await loadSystemCalls();
const noCalls = loaded.ok ? false : loaded.problem;

test("ioctl reaches a real driver, and brings its answer back", { skip: noCalls }, async (t) => {
  if (!loaded.ok) return;
  const fd = openSync("/dev/ptmx", "r+");
  t.teardown(() => closeSync(fd));
  const { ioctl } = loaded.value;
  const number = new Int32Array([-1]);
  const getTerminalNumber = 0x80045430;
  t.ok(ioctl(fd, getTerminalNumber, new Uint8Array(number.buffer)).ok);
  t.ok((number[0] ?? -1) >= 0, `terminal ${number[0]}`);
  const getSupport = 0x80285700;
  t.match(ioctl(fd, getSupport, new Uint8Array(40)), { ok: false, problem: 25 }, "ENOTTY");
});

test("the time-out is set by ioctl and read back", async (t) => {
  const driver = new Driver();
  const open = () => new LinuxWatchdog({ device: "/dev/null", ...driver }).open(timeoutMs);
  t.same(open(), {
    ok: true,
    value: { identity: "driver", timeoutMs, nowayout: false, didReset: true },
  });
  t.same(driver.asked, ["set 5"]);
  t.ok(open().ok);
  t.same(driver.asked, ["set 5"], "not again: that would feed it");
  driver.timeoutSeconds = 60;
  driver.grants = () => 8;
  t.match(open(), { ok: false, problem: /grants 8 s instead of 5 s/ });
});
