// The page without a network: a service worker answers from a cache, which holds all that the page has loaded.

import { byId } from "./elements.js";

const CACHE = "mgdist-page";
/** What a browser loads behind the page's back. */
const BESIDES = [
  "./",
  "index.html",
  "manifest.webmanifest",
  "icon.svg",
  "icon-192.png",
  "icon-512.png",
  "bundles.json",
  "keys.pub",
  "js/page/recorder_worklet.js",
];

/** Let the page work without a network from now on, once it has loaded what it needs. */
export async function keepPage() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("sw.js");
  const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
  const own = loaded.filter((url) => url.origin === location.origin).map((url) => url.href);
  const urls = new Set([...own, ...BESIDES.map((path) => new URL(path, location.href).href)]);
  const cache = await caches.open(CACHE);
  await Promise.all([...urls].map((url) => cache.add(url)));
  await navigator.serviceWorker.ready;
  const chip = byId("offline");
  chip.textContent = "Works offline";
  chip.classList.add("ready");
}

/** Offer to install the page, where the browser can. */
export function offerInstall() {
  const button = /** @type {HTMLButtonElement} */ (byId("install"));
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    button.hidden = false;
    button.onclick = () => /** @type {any} */ (event).prompt();
  });
  window.addEventListener("appinstalled", () => (button.hidden = true));
}
