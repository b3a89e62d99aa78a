/**
 * Secrets sealed to the signature activation module with HPKE (RFC 9180, base mode, DHKEM(P-256, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM). The server that sent this page only passes the sealed bytes on.
 */

import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "../vendor/hpke.js";
import { fromBase64url, joined, toBase64url } from "./bytes.js";

const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const text = new TextEncoder();

/** What a sealed secret is for; it opens for nothing else. */
export const purposes = {
  enrol: "natsuin/enrol/v1\0",
  resetPIN: "natsuin/pin-reset/v1\0",
  approve: "natsuin/approve/v1\0",
  renew: "natsuin/renew/v1\0",
  change: "natsuin/change/v1\0",
  restore: "natsuin/restore/v1\0",
  import: "natsuin/import/v1\0",
  replace: "natsuin/replace-passkey/v1\0",
};

/**
 * @param {string} purpose one of `purposes`
 * @param {string} publicKey base64url of 65 bytes, an uncompressed P-256 point
 * @param {Uint8Array} challenge 32 bytes
 * @param {object} secrets texts by name
 * @returns {Promise<string>} base64url of enc (65 bytes) || ciphertext
 */
export async function seal(purpose, publicKey, challenge, secrets) {
  const recipientPublicKey = await suite.kem.deserializePublicKey(fromBase64url(publicKey));
  const info = joined(text.encode(purpose), challenge);
  const sender = await suite.createSenderContext({ recipientPublicKey, info });
  const sealed = await sender.seal(text.encode(JSON.stringify(secrets)));
  return toBase64url(joined(new Uint8Array(sender.enc), new Uint8Array(sealed)));
}
