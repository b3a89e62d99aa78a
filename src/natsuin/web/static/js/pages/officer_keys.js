/** The officer's list of keys: the filter, which stands in the address, so that it can be kept and gone back to. */

import { find, onSubmit } from "../dom.js";

onSubmit(find("[data-filter]"), async () => {
  const wanted = new URLSearchParams();
  const name = find("#filter-name").value.normalize("NFC").trim();
  const state = find("#filter-state").value;
  if (name) wanted.set("name", name);
  if (state) wanted.set("state", state);
  location.assign(`/officer/keys?${wanted}`);
});
