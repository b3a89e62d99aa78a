/** The start page needs nothing beyond `shell.js`, which signs in; here it only puts the button in reach of Enter. */

document.querySelector("[data-sign-in]")?.focus({ preventScroll: true });
