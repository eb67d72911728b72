// The bundle that was open last: kept on this device, so that it is there again without a network.

const CACHE = "mgdist-last";
const PLACE = "last-bundle";
const NAME = "X-Name";

/**
 * Keep a bundle that was found whole.
 *
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} file
 */
export async function keepLast(name, file) {
  if (!("caches" in globalThis)) return;
  const cache = await caches.open(CACHE);
  await cache.put(PLACE, new Response(file, { headers: { [NAME]: encodeURIComponent(name) } }));
}

/** Return the bundle that was open last; null where there is none. */
export async function readLast() {
  if (!("caches" in globalThis)) return null;
  const kept = await (await caches.open(CACHE)).match(PLACE);
  if (!kept) return null;
  const name = decodeURIComponent(kept.headers.get(NAME) ?? "");
  return { name, file: new Uint8Array(await kept.arrayBuffer()) };
}
