// What the browser needs to seal a PIN to the signature activation module (RFC 9180), and nothing more.
export { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
