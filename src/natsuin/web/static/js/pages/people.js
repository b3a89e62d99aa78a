/** Finding a person: the words stand in the address, so that one can go back to what was found. */

import { find, onSubmit } from "../dom.js";

onSubmit(find("[data-find]"), async () => {
  const words = find("#words").value.normalize("NFC").trim();
  location.assign(words ? `/officer/people?${new URLSearchParams({ words })}` : "/officer/people");
});
