/** Words that scripts show, Japanese beside English. The pages' own words are in locales/. */

import { approval } from "./words/approval.js";
import { common } from "./words/common.js";
import { secrets } from "./words/secrets.js";
import { verdict } from "./words/verdict.js";

const all = { ...common, ...approval, ...secrets, ...verdict };

export const language = document.documentElement.lang === "ja" ? "ja" : "en";

/** The words for `name`, with `{place}` filled from `values`. @returns {string} */
export function say(name, values = {}) {
  const pair = all[name];
  if (!pair) throw new Error(`No words for ${name}`);
  return pair[language === "ja" ? 0 : 1].replaceAll(/\{(\w+)\}/g, (_, place) => String(values[place] ?? ""));
}

/** Date and time in the reader's own time zone, with the zone's name. `moment` is milliseconds. */
export function sayMoment(moment) {
  return new Intl.DateTimeFormat(language, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  }).format(new Date(moment));
}

/** A number of bytes as the server's pages write it. */
export function saySize(bytes) {
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  if (bytes < 1024) return `${number.format(bytes)} B`;
  if (bytes < 2 ** 20) return `${number.format(bytes / 2 ** 10)} KB`;
  return `${number.format(bytes / 2 ** 20)} MB`;
}
