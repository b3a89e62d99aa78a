/** Activity over time: only the end of the reading needs a script here. */

import { send } from "../api.js";
import { find, onPress } from "../dom.js";

onPress(find("[data-end-reading]"), async () => {
  await send("/api/auditor/readings/end", { json: {} }).catch(() => {});
  location.assign("/auditor");
});
