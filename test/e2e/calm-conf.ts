/**
 * A configuration with a check of the brokers every three seconds instead of each second: each one
 * starts processes, and several clusters may share a small machine with what tests them.
 */
export function calmed(text: string): string {
  return text.replace('status_poll_interval="1"', 'status_poll_interval="3"');
}
