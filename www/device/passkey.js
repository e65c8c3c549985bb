// The passkey that opens the keys beside the passphrase: what its pseudo-random function gives is the secret of a second
// vault. Only a window may ask for a passkey; what comes is handed to the Worker at once, and nothing of it stays here.

/** @typedef {{ credential: number[], salt: number[] }} Passkey */

/** The browser, or what holds the passkey, knows no such function. */
export class Unable extends Error {}

const SIZE = 32;
const WAIT = 120_000;

/** @param {number} size @returns {Uint8Array<ArrayBuffer>} */
const random = (size) => crypto.getRandomValues(new Uint8Array(size));

/** Whether it makes sense to offer one. @returns {Promise<boolean>} */
export async function offered() {
  const keys = /** @type {any} */ (globalThis).PublicKeyCredential;
  if (!keys || !navigator.credentials) return false;
  try {
    const able = await keys.getClientCapabilities?.();
    // Where the browser says nothing of it, making one tells.
    return able?.["extension:prf"] !== false;
  } catch {
    return true;
  }
}

/** Whether the device itself can hold one, so that no other has to be at hand. @returns {Promise<boolean>} */
export async function builtIn() {
  const keys = /** @type {any} */ (globalThis).PublicKeyCredential;
  return Boolean((await offered()) && (await keys.isUserVerifyingPlatformAuthenticatorAvailable?.().catch(() => false)));
}

/**
 * Makes a passkey. The secret is the caller's to hand on.
 * @param {string} name @returns {Promise<{ passkey: Passkey, secret: ArrayBuffer }>}
 */
export async function make(name) {
  const salt = random(SIZE);
  const options = {
    // There is no server that would look at an answer: the function's secret is all that is wanted.
    challenge: random(SIZE),
    rp: { id: location.hostname, name: "Glimpse" },
    user: { id: random(16), name: name || "Glimpse", displayName: name || "Glimpse" },
    pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
    authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
    attestation: "none",
    timeout: WAIT,
    extensions: { prf: { eval: { first: salt } } },
  };
  const made = /** @type {any} */ (await navigator.credentials.create(/** @type {any} */ ({ publicKey: options })));
  const passkey = { credential: [...new Uint8Array(made.rawId)], salt: [...salt] };
  const given = made.getClientExtensionResults().prf;
  if (!given?.enabled && !given?.results) {
    forgetAbout(passkey);
    throw new Unable();
  }
  return { passkey, secret: given.results ? taken(given.results) : await ask(passkey) };
}

/** Asks a passkey for its secret. @param {Passkey} passkey @returns {Promise<ArrayBuffer>} */
export async function ask({ credential, salt }) {
  const options = {
    challenge: random(SIZE),
    rpId: location.hostname,
    allowCredentials: [{ type: "public-key", id: Uint8Array.from(credential) }],
    userVerification: "required",
    timeout: WAIT,
    extensions: { prf: { eval: { first: Uint8Array.from(salt) } } },
  };
  const got = /** @type {any} */ (await navigator.credentials.get(/** @type {any} */ ({ publicKey: options })));
  const results = got.getClientExtensionResults().prf?.results;
  if (!results) throw new Unable();
  return taken(results);
}

/** Lets the browser drop a passkey that opens nothing any more, where it can. @param {Passkey} passkey */
export function forgetAbout({ credential }) {
  const id = btoa(String.fromCharCode(...credential)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const told = /** @type {any} */ (globalThis).PublicKeyCredential?.signalUnknownCredential?.({ rpId: location.hostname, credentialId: id });
  told?.catch(() => {});
}

/** Why it did not work, by key of the catalogue. @param {unknown} error @returns {string} */
export const whyNot = (error) => (error instanceof Unable ? "set.passkey.unable" : "set.passkey.cancelled");

/** A copy that can be handed on; the original is wiped. @param {{ first: ArrayBuffer }} results @returns {ArrayBuffer} */
function taken({ first }) {
  const secret = first.slice(0);
  new Uint8Array(first).fill(0);
  return secret;
}
