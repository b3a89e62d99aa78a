/** Words that scripts show, Japanese beside English. The pages' own words are in locales/. */

import { applications } from "./words/applications.js";
import { approval } from "./words/approval.js";
import { audit } from "./words/audit.js";
import { common } from "./words/common.js";
import { keys } from "./words/keys.js";
import { officers } from "./words/officers.js";
import { people } from "./words/people.js";
import { replacements } from "./words/replacements.js";
import { secrets } from "./words/secrets.js";
import { shared } from "./words/shared.js";
import { verdict } from "./words/verdict.js";

const all = { ...common, ...applications, ...approval, ...audit, ...keys, ...officers, ...people, ...replacements, ...secrets, ...shared, ...verdict };

export const language = document.documentElement.lang === "ja" ? "ja" : "en";

/** The words for `name`, with `{place}` filled from `values`. @returns {string} */
export function say(name, values = {}) {
  const pair = all[name];
  if (!pair) throw new Error(`No words for ${name}`);
  return pair[language === "ja" ? 0 : 1].replaceAll(/\{(\w+)\}/g, (_, place) => String(values[place] ?? ""));
}

/** Date and time in the reader's own time zone, with its offset from UTC. `moment` is milliseconds. */
export function sayMoment(moment) {
  return `${written(moment)} (${offsetOf(moment)})`;
}

/** The same moment in UTC, as the server's pages write it. */
export function sayUTC(moment) {
  return `${new Date(moment).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function written(moment) {
  const shown = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(language, shown).format(new Date(moment));
}

/** Such as UTC+09:00. */
function offsetOf(moment) {
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "longOffset" }).formatToParts(new Date(moment));
  const name = parts.find((part) => part.type === "timeZoneName").value;
  return name.replace("GMT", "UTC").replace("+00:00", "");
}

/** A number of bytes as the server's pages write it. */
export function saySize(bytes) {
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  if (bytes < 1024) return `${number.format(bytes)} B`;
  if (bytes < 2 ** 20) return `${number.format(bytes / 2 ** 10)} KB`;
  return `${number.format(bytes / 2 ** 20)} MB`;
}
