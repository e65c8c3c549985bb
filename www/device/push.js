// Being woken by the server, by way of the browser's own push service. A push holds a random id and nothing else.

import { offered, ready, registered } from "./offline.js";

/** Whether this browser can be woken at all. */
export const able = () => "PushManager" in globalThis && "Notification" in globalThis && offered;

/** The browser's subscription, if there is one. @returns {Promise<PushSubscription | null>} */
export async function subscription() {
  if (!able()) return null;
  const registration = await registered();
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/**
 * Asks the person, and then the browser's push service. Null where either says no, nothing where no service worker is at work.
 * @param {string} key the server's, in base64url
 * @returns {Promise<PushSubscription | null | undefined>}
 */
export async function subscribe(key) {
  if ((await Notification.requestPermission()) !== "granted") return null;
  const registration = await ready();
  if (!registration) return undefined;
  const { pushManager } = registration;
  const before = await pushManager.getSubscription();
  // One under another key is of no use any more, and in the way.
  if (before) await before.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

/** As the Worker takes it. @param {PushSubscription} held @returns {import("./app.js").Intent} */
export function told(held) {
  const { endpoint, keys } = held.toJSON();
  return { type: "push", act: "subscribed", subscription: { endpoint, p256dh: keys?.p256dh, auth: keys?.auth } };
}
