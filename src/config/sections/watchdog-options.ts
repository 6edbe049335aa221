/**
 * `<fence_daemon watchdog_device= watchdog_timeout=>`: the device that resets the machine when its
 * guard cannot end the services. Does not check whether the device exists; the guard does.
 * Source: sbd(8), SBD_WATCHDOG_TIMEOUT; clusterd.
 * Tested in: test/config/conf-values.test.ts, test/config/quorum-conf.test.ts
 * TIMING2  W >= kill timeout + feeding period + 1000 ms: a kill that works ends before the reset.
 */
import { feedEveryMs, type SelfFenceMode, type WatchdogConf } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";
import type { Report } from "../text/complaint.ts";
import {
  integers,
  watchdogDeviceDefault,
  watchdogTimeoutSeconds,
  watchdogVerifyMs,
} from "../text/defaults.ts";
import { attributeLocation, type SectionReader } from "../text/section.ts";

const names = ["watchdog_device", "watchdog_timeout"] as const;

/** Null: this mode of self-fencing uses no device. */
export function readWatchdog(
  reader: SectionReader,
  kill: { readonly selfFence: SelfFenceMode; readonly killTimeoutMs: Ms },
  report: Report,
): Pick<WatchdogConf, "device" | "timeoutMs"> | null {
  const { selfFence } = kill;
  if (selfFence === "software" || selfFence === "no") {
    for (const name of names.filter((one) => reader.has(one))) {
      const problem = `has no effect: self_fence is "${selfFence}"`;
      report.warning(attributeLocation(reader.section, name), { type: "ignored", problem });
    }
    readDevice(reader, report);
    reader.duration("watchdog_timeout", integers.fence_daemon.watchdog_timeout);
    return null;
  }
  return { device: readDevice(reader, report), timeoutMs: readTimeout(reader, kill, report) };
}

function readDevice(reader: SectionReader, report: Report): string {
  const device = reader.text("watchdog_device") ?? watchdogDeviceDefault;
  if (device.startsWith("/")) return device;
  const location = attributeLocation(reader.section, "watchdog_device");
  report.error(location, {
    type: "bad-value",
    problem: `"${device}" is not an absolute path`,
    allowed: `for example ${watchdogDeviceDefault}`,
  });
  return watchdogDeviceDefault;
}

function readTimeout(
  reader: SectionReader,
  { killTimeoutMs }: { readonly killTimeoutMs: Ms },
  report: Report,
): Ms {
  const leastSeconds = leastTimeoutSeconds(killTimeoutMs);
  const fallback = ms(Math.max(watchdogTimeoutSeconds, leastSeconds) * 1000);
  const timeoutMs = reader.duration("watchdog_timeout", integers.fence_daemon.watchdog_timeout);
  if (timeoutMs === null) return fallback;
  if (timeoutMs >= leastSeconds * 1000) return timeoutMs;
  report.error(attributeLocation(reader.section, "watchdog_timeout"), {
    type: "unsafe",
    problem:
      `the machine would be reset ${timeoutMs / 1000} s after the last feeding, before a kill of ` +
      `${killTimeoutMs} ms (kill_timeout) is verified`,
    allowed: `at least ${leastSeconds}`,
  });
  return fallback;
}

/** The least timeout by TIMING2, in whole seconds as devices count. */
function leastTimeoutSeconds(killTimeoutMs: Ms): number {
  let seconds = 1;
  const short = (timeoutMs: Ms) =>
    timeoutMs < killTimeoutMs + feedEveryMs(timeoutMs) + watchdogVerifyMs;
  while (short(ms(seconds * 1000))) seconds += 1;
  return seconds;
}
