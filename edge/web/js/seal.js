// The seal: the archive's comment, the last bytes of a bundle, by which the whole file is proved.
//
//     mgdist-bundle-1 sha256=HEX
//     mgdist-bundle-2 key=ID ed25519=BASE64 sha256=HEX
//
// The hash of an unsigned bundle is of all bytes before the end record; that of a signed one of all bytes before the hash
// itself. Whose the signature is, is only claimed here; see signature.js.

import { LARGEST, damaged, endSize, readEnd } from "./archive.js";
import { BundleError } from "./errors.js";
import { requireKnown } from "./manifest.js";
import { decoded } from "./signature.js";

/** Version of the seal; a newer one is refused. */
const NEWEST = 2;
const ANY = /mgdist-bundle-([1-9][0-9]{0,8}) [ -~]*$/;
const UNSIGNED = /mgdist-bundle-1 sha256=([0-9a-f]{64})$/;
const SIGNED = /mgdist-bundle-2 key=([0-9a-f]{8}) ed25519=([A-Za-z0-9+/]{86}==) sha256=([0-9a-f]{64})$/;
/** Bytes of a seal at most: where its beginning is looked for. */
const LONGEST = 200;
const [UNSIGNED_SIZE, SIGNED_SIZE, HEX] = [87, 197, 64];
const AFTER_SIGNATURE = 88 + " sha256=".length + HEX;

/**
 * A signature that a file carries; whose it is, is only claimed.
 *
 * @typedef {object} Signature
 * @property {string} key the first digits of the key's hash.
 * @property {Uint8Array<ArrayBuffer>} value 64 bytes of Ed25519.
 * @property {number} end it is of the bytes before this place of the file.
 */

/**
 * What the last bytes of a file say; nothing is proved by it yet.
 *
 * @typedef {object} Seal
 * @property {string} sha256 of all bytes before `sealed`.
 * @property {number} sealed a place in the file.
 * @property {Signature | null} signature of a signed bundle.
 * @property {import("./archive.js").End} end the archive's end record.
 */

/**
 * Return the seal of a file.
 *
 * @param {Uint8Array} file
 * @returns {Seal}
 */
export function readSeal(file) {
  if (latin(file.subarray(4, 8)) !== "TFL3") {
    throw new BundleError("expected a bundle of mgdist, which is a TFLite model; got another kind of file");
  }
  if (file.length > LARGEST) throw new BundleError(`expected at most ${LARGEST} bytes; got ${file.length}`);
  const tail = latin(file.subarray(-LONGEST));
  const found = ANY.exec(tail);
  if (found === null) {
    const advice = "copy it again, or make a bundle with mgdist";
    throw new BundleError(
      `expected a bundle of mgdist; got a TFLite model without one, or a file cut short; ${advice}`,
    );
  }
  requireKnown(Number(found[1]), NEWEST);
  const comment = found[1] === "1" ? UNSIGNED_SIZE : SIGNED_SIZE;
  const place = Math.max(0, file.length - endSize(comment));
  const end = readEnd(file.subarray(place), comment, place);
  const [unsigned, signed] = [UNSIGNED.exec(tail), SIGNED.exec(tail)];
  if (unsigned) return { sha256: unsigned[1], sealed: place, signature: null, end };
  if (signed) {
    const signature = { key: signed[1], value: decoded(signed[2]), end: file.length - AFTER_SIGNATURE };
    return { sha256: signed[3], sealed: file.length - HEX, signature, end };
  }
  throw damaged("its seal is broken");
}

/** @param {Uint8Array} raw */
function latin(raw) {
  return String.fromCharCode(...raw);
}
