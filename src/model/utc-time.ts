/**
 * Instants as text, for the core, which has no clock and no calendar.
 * Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
 * Tested in: test/model/utc-time.test.ts
 */

const dayMs = 86_400_000;
/** From 1 March of the year 0 to 1 January 1970. */
const epochDays = 719_468;
/** Of 400 years. */
const eraDays = 146_097;

/** `2026-12-01 00:39:41Z`; `ms`: milliseconds since 1970, not negative. */
export function formatUtc(ms: number): string {
  const days = Math.floor(ms / dayMs) + epochDays;
  const era = Math.floor(days / eraDays);
  const ofEra = days - era * eraDays;
  const yearOfEra = Math.floor(
    (ofEra -
      Math.floor(ofEra / 1460) +
      Math.floor(ofEra / 36_524) -
      Math.floor(ofEra / (eraDays - 1))) /
      365,
  );
  // Years begin with March here, so that a leap day is the last one.
  const ofYear =
    ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const second = Math.floor((ms % dayMs) / 1000);
  const clock = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  return `${date} ${clock.map(two).join(":")}Z`;
}
