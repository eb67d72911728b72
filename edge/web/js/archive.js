// The archive behind the flatbuffer: a zip of stored members, laid out in one way only.
//
//     model | header, member | header, member | ... | directory | end record, comment
//
// The same members give the same bytes, so a reader can demand exactly these bytes.

import { BundleError } from "./errors.js";

const HEADER = 30;
const ENTRY = 46;
const END = 22;
const MIDDLE = /^(tokenizer)\.[A-Za-z0-9_-]{1,64}(\.json)$/;
const VERSION = 20;
const MADE_BY_UNIX = 0x0314;
const FIRST_OF_1980 = 0x0021;
const READABLE_FILE = 0o100644 * 2 ** 16;

/** Bytes of a whole file. */
export const LARGEST = 2 ** 32 - 2;

/**
 * Where a member lies: its name, where its header begins in the file, and its bytes without the header.
 *
 * @typedef {{name: string, header: number, size: number}} Member
 */

/**
 * What the end record says: how many members, and where their directory lies in the file.
 *
 * @typedef {{members: number, directory: number, size: number}} End
 */

/** Place of a member's first byte in the file. @param {Member} member */
export function begins(member) {
  return member.header + HEADER + member.name.length;
}

/**
 * Lay out members, with the first header at byte `start` of the file, and their directory behind them.
 *
 * @param {Map<string, Uint8Array>} members
 * @param {number} start
 */
export function pack(members, start) {
  const body = [];
  const directory = [];
  let place = start;
  for (const [name, data] of members) {
    const sizes = [2, 0, 2, FIRST_OF_1980, 4, crc32(data), 4, data.length, 4, data.length, 2, name.length, 2, 0];
    const header = [4, 0x04034b50, 2, VERSION, 2, 0, 2, 0, ...sizes];
    const entry = [4, 0x02014b50, 2, MADE_BY_UNIX, 2, VERSION, 2, 0, 2, 0, ...sizes];
    body.push(struct(...header), ascii(name), data);
    directory.push(struct(...entry, 2, 0, 2, 0, 2, 0, 4, READABLE_FILE, 4, place), ascii(name));
    place += HEADER + name.length + data.length;
  }
  return joined([...body, ...directory]);
}

/**
 * Return the last bytes of a file.
 *
 * @param {End} end
 * @param {Uint8Array} comment
 */
export function packEnd(end, comment) {
  const { members, directory, size } = end;
  const said = [2, members, 2, members, 4, size, 4, directory, 2, comment.length];
  return joined([struct(4, 0x06054b50, 2, 0, 2, 0, ...said), comment]);
}

/**
 * Return what the end record says, if it is the one that `packEnd` writes and the directory ends where it begins.
 *
 * @param {Uint8Array} raw the last bytes of the file, from the end record on.
 * @param {number} comment bytes of the comment behind it.
 * @param {number} place where the end record begins in the file.
 * @returns {End}
 */
export function readEnd(raw, comment, place) {
  if (raw.length === endSize(comment)) {
    const bytes = view(raw);
    const end = {
      members: bytes.getUint16(10, true),
      size: bytes.getUint32(12, true),
      directory: bytes.getUint32(16, true),
    };
    if (same(packEnd(end, raw.subarray(END)), raw) && end.directory + end.size === place) return end;
  }
  throw damaged("its archive has no valid end");
}

/** Return the bytes of the end record and a comment of `comment` bytes. @param {number} comment */
export function endSize(comment) {
  return END + comment;
}

/**
 * Return the members that the directory lists, in the order of the file.
 *
 * @param {Uint8Array} raw the bytes of the directory.
 * @param {End} end the end record.
 * @param {ReadonlyMap<string, number>} limits the names that may occur, each with the bytes that it may have; of
 *   `tokenizer.title.json` it is that of `tokenizer.json`.
 */
export function readDirectory(raw, end, limits) {
  /** @type {Member[]} */
  const members = [];
  for (let rest = raw; rest.length;) {
    const [member, used] = readEntry(rest, limits);
    if (members.some((earlier) => earlier.name === member.name)) {
      throw new BundleError(`expected ${member.name} once in its archive; got it twice; make the bundle again`);
    }
    members.push(member);
    rest = rest.subarray(used);
  }
  if (members.length !== end.members) {
    throw damaged(`its archive lists ${members.length} members, and its end says ${end.members}`);
  }
  return members;
}

/**
 * @param {Uint8Array} raw
 * @param {ReadonlyMap<string, number>} limits
 * @returns {[Member, number]} a member, and the bytes of its entry.
 */
function readEntry(raw, limits) {
  const bytes = view(raw);
  if (raw.length < ENTRY || bytes.getUint32(0, true) !== 0x02014b50) throw damaged("its archive's directory is broken");
  const [flags, method] = [bytes.getUint16(8, true), bytes.getUint16(10, true)];
  const [packed, size, header] = [bytes.getUint32(20, true), bytes.getUint32(24, true), bytes.getUint32(42, true)];
  const [named, extra, remark] = [28, 30, 32].map((place) => bytes.getUint16(place, true));
  const name = String.fromCharCode(...raw.subarray(ENTRY, ENTRY + named).slice(0, 200));
  const limit = limits.get(name.replace(MIDDLE, "$1$2"));
  if (limit === undefined) {
    const expected = [...limits.keys()].join(", ");
    throw new BundleError(
      `expected only ${expected} in its archive; got '${name.slice(0, 60)}'; make the bundle again`,
    );
  }
  if (flags || method || packed !== size || extra || remark) {
    throw new BundleError(`expected ${name} stored as it is; got it compressed or with extras; make the bundle again`);
  }
  if (size > limit) {
    throw new BundleError(`expected ${name} of at most ${limit} bytes; got ${size}; make the bundle again`);
  }
  return [{ name, header, size }, ENTRY + named];
}

/** Return the error for a file that is not as it was written. @param {string} why */
export function damaged(why) {
  return new BundleError(`expected the bytes that were written; got a damaged file: ${why}; copy it again`);
}

/**
 * Say whether two arrays hold the same bytes.
 *
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
export function same(one, other) {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}

/** @param {Uint8Array} raw */
function view(raw) {
  return new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
}

/** Write whole numbers as little-endian bytes; each stands behind how many bytes it takes. @param {number[]} fields */
function struct(...fields) {
  const bytes = [];
  for (let place = 0; place < fields.length; place += 2) {
    for (let byte = 0; byte < fields[place]; byte++) bytes.push(Math.floor(fields[place + 1] / 256 ** byte) % 256);
  }
  return Uint8Array.from(bytes);
}

/** @param {string} text */
function ascii(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** @param {Uint8Array[]} pieces */
function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** Return the CRC-32 of some bytes, as zip files hold it. @param {Uint8Array} data */
export function crc32(data) {
  let value = 0xffffffff;
  for (let place = 0; place < data.length; place++) value = CRC[(value ^ data[place]) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
