// The bundle: one .tflite file with all that a device needs, checked before LiteRT sees it.
//
// A damaged flatbuffer can crash or, worse, answer wrongly, so the file is proved whole first: its archive's comment
// seals every byte before it, and its manifest holds the hash of each part.

import { begins, damaged, pack, readDirectory, same } from "./archive.js";
import { BundleError } from "./errors.js";
import { readGolden } from "./golden.js";
import { parseManifest, readManifest, readParts } from "./manifest.js";
import { readSeal } from "./seal.js";
import { requireSigned, sha256 } from "./signature.js";
import { labelsOf } from "./tasks.js";

/** The members of the archive, in the order of the file, and the bytes that each may have. */
const LIMITS = new Map([
  ["manifest.json", 16 * 2 ** 20],
  ["tokenizer.json", 512 * 2 ** 20],
  ["labels.txt", 16 * 2 ** 20],
  ["golden.json", 64 * 2 ** 20],
  ["README.md", 2 ** 20],
]);
const REQUIRED = ["manifest.json", "labels.txt", "golden.json"];

/**
 * A bundle that was opened and found whole.
 *
 * @typedef {object} Bundle
 * @property {string} name of the file.
 * @property {Uint8Array<ArrayBuffer>} file all of it; the flatbuffer ends where the archive begins, as LiteRT knows.
 * @property {import("./manifest.js").Manifest} manifest what it says of itself.
 * @property {import("./golden.js").Golden} golden examples to prove a device right.
 * @property {string | null} signer id of the key that it claims to be signed with; null of an unsigned one.
 * @property {boolean} signed whether one of the keys that the page trusts signed it.
 * @property {string | null} readme the model card, in Markdown.
 */

/**
 * Open and check a file.
 *
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {import("./signature.js").Keys} [keys] one of which must have signed it; where there is none, none need have.
 * @returns {Promise<Bundle>}
 */
export async function openBundle(name, file, keys = new Map()) {
  try {
    return await examined(name, file, keys);
  } catch (error) {
    throw error instanceof BundleError ? new BundleError(`${name}: ${error.message}`) : error;
  }
}

/**
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {import("./signature.js").Keys} keys
 * @returns {Promise<Bundle>}
 */
async function examined(name, file, keys) {
  const seal = readSeal(file);
  const { end, signature } = seal;
  const members = readDirectory(file.subarray(end.directory, end.directory + end.size), end, LIMITS);
  const start = members.length ? members[0].header : end.directory;
  if (!(0 < start && start <= end.directory)) throw damaged("its archive begins nowhere");
  await requireSeal(file, seal);
  await requireSigned(keys, signature, file);
  const parts = unpacked(file, members, start, end);
  const fields = parseManifest(take(parts, "manifest.json"));
  await requireParts(fields, parts, file.subarray(0, start));
  const manifest = readManifest(fields, parts);
  requireLabels(take(parts, "labels.txt"), manifest);
  const golden = readGolden(take(parts, "golden.json"), [...manifest.inputs.keys()], manifest.tasks);
  const readme = parts.get("README.md");
  const [signer, signed] = [signature?.key ?? null, signature !== null && keys.size > 0];
  return { name, file, manifest, golden, signer, signed, readme: readme ? new TextDecoder().decode(readme) : null };
}

/**
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {import("./seal.js").Seal} seal
 */
async function requireSeal(file, seal) {
  const digest = await sha256(file.subarray(0, seal.sealed));
  if (digest !== seal.sha256) {
    throw damaged(`its sha256 is ${digest.slice(0, 12)}..., and its seal says ${seal.sha256.slice(0, 12)}...`);
  }
}

/**
 * Return the members by name; the archive must be, to the byte, the one that `pack` makes of them.
 *
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {import("./archive.js").Member[]} members
 * @param {number} start where the archive begins.
 * @param {import("./archive.js").End} end
 */
function unpacked(file, members, start, end) {
  const place = (/** @type {import("./archive.js").Member} */ each) => Math.min(begins(each), end.directory);
  const parts = new Map(
    members.map((each) => [each.name, file.subarray(place(each), Math.min(place(each) + each.size, end.directory))]),
  );
  if (!same(pack(parts, start), file.subarray(start, end.directory + end.size))) {
    throw damaged("its archive is not laid out as mgdist writes it");
  }
  for (const name of REQUIRED) take(parts, name);
  return parts;
}

/**
 * @param {Map<string, Uint8Array<ArrayBuffer>>} parts
 * @param {string} name
 */
function take(parts, name) {
  const part = parts.get(name);
  if (!part) throw new BundleError(`expected ${name} in its archive; got none; make the bundle again`);
  return part;
}

/**
 * Refuse parts that are not those of the manifest.
 *
 * @param {import("./fields.js").Fields} fields of the manifest.
 * @param {Map<string, Uint8Array<ArrayBuffer>>} parts
 * @param {Uint8Array<ArrayBuffer>} model
 */
async function requireParts(fields, parts, model) {
  const listed = readParts(fields);
  const found = new Map([...parts, ["model", model]]);
  found.delete("manifest.json");
  for (const name of [...new Set([...found.keys(), ...listed.keys()])].sort()) {
    const [part, said] = [found.get(name), listed.get(name)];
    if (!part) throw new BundleError(`expected ${name} in its archive; got none; make the bundle again`);
    if (!said || said.bytes !== part.length || said.sha256 !== (await sha256(part))) {
      throw new BundleError(`expected the ${name} that its manifest lists; got another one; make the bundle again`);
    }
  }
}

/**
 * @param {Uint8Array} raw
 * @param {import("./manifest.js").Manifest} manifest
 */
function requireLabels(raw, manifest) {
  const [task] = manifest.tasks.values();
  if (!same(raw, new TextEncoder().encode(labelsOf(task).join("\n")))) {
    throw new BundleError("labels.txt: expected the labels of the manifest; got others; make the bundle again");
  }
}
