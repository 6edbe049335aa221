/**
 * The names of OCF agents and of systemd's units.
 * Source: systemd.unit(5); the OCF resource agent API 1.1.
 * Tested in: test/config/agent-elements.test.ts, test/config/quorum-loss.test.ts
 */

const unitTypes = ["service", "socket", "mount", "automount", "swap", "target", "path", "timer"];

/** The unit's name with its suffix, by default `.service`; null when it is not a unit's name. */
export function unitName(text: string): string | null {
  if (!/^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,240}$/.test(text)) return null;
  const suffix = text.includes(".") ? (text.split(".").at(-1) ?? "") : "";
  return unitTypes.includes(suffix) ? text : `${text}.service`;
}

/** `provider:type`, also if `ocf:` is written before it; null when it is not an agent's name. */
export function ocfAgentName(text: string): string | null {
  const name = text.startsWith("ocf:") ? text.slice("ocf:".length) : text;
  return /^\w[\w.-]*:\w[\w.-]*$/.test(name) ? name : null;
}
