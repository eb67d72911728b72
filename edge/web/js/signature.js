// Whose bundle it is: Ed25519 signatures (RFC 8032), checked by the browser before anything in the file is believed.

import { BundleError, EdgeError } from "./errors.js";

const PEM = /-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----/g;
/** Bytes of a key itself, which stand at the end of what PEM holds. */
const KEY = 32;

/**
 * The keys that this page trusts, by their id; any of them will do. None: a bundle need not be signed.
 *
 * @typedef {ReadonlyMap<string, CryptoKey>} Keys
 */

/**
 * Read public keys in PEM, as `mgdist keys new` writes them.
 *
 * @param {string} pem
 * @returns {Promise<Keys>}
 */
export async function readKeys(pem) {
  /** @type {Map<string, CryptoKey>} */
  const found = new Map();
  for (const [, written] of pem.matchAll(PEM)) {
    const raw = decoded(written.replace(/\s/g, ""));
    found.set((await sha256(raw.subarray(-KEY))).slice(0, 8), await imported(raw));
  }
  if (pem.trim() && !found.size) throw noKey();
  return found;
}

/**
 * Refuse a file that none of the keys signed.
 *
 * @param {Keys} keys where there is none, nothing is refused.
 * @param {import("./seal.js").Signature | null} signature that the file carries.
 * @param {Uint8Array<ArrayBuffer>} file
 */
export async function requireSigned(keys, signature, file) {
  if (!keys.size) return;
  const asked = "expected a bundle signed with keys.pub";
  if (!signature) {
    throw new BundleError(`${asked}; got one without a signature; let its maker sign it: mgdist sign BUNDLE --key`);
  }
  const digest = await sha256(file.subarray(0, signature.end));
  const message = new TextEncoder().encode(`mgdist-bundle-2 sha256=${digest}`);
  for (const key of keys.values()) {
    if (await crypto.subtle.verify("Ed25519", key, signature.value, message)) return;
  }
  const got = `one that claims key ${signature.key}, and not the signature of ${[...keys.keys()].join(" or ")}`;
  throw new BundleError(`${asked}; got ${got}; do not use it, or trust another key`);
}

/**
 * Return the hash of some bytes, in hexadecimal.
 *
 * @param {Uint8Array<ArrayBuffer>} data
 */
export async function sha256(data) {
  if (!globalThis.crypto?.subtle) {
    throw new BundleError(
      "expected a page that may compute hashes; got one without https; open it by https or localhost",
    );
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Uint8Array<ArrayBuffer>} raw SubjectPublicKeyInfo. */
async function imported(raw) {
  try {
    return await crypto.subtle.importKey("spki", raw, "Ed25519", false, ["verify"]);
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "NotSupportedError") throw noKey();
    throw new EdgeError("keys.pub: expected a browser that checks Ed25519; got an older one; update it");
  }
}

/** @param {string} base64 */
export function decoded(base64) {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    throw noKey();
  }
}

function noKey() {
  return new EdgeError("keys.pub: expected Ed25519 public keys in PEM; got something else; make one: mgdist keys new");
}
