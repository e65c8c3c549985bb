// The agent's passkey: made with the enrolment, asked at each sign-in. The server checks what it says; nothing secret of it
// comes here.

const WAIT = 120_000;

/** @param {ArrayBuffer} bytes @returns {string} */
const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** @param {string} base64url @returns {Uint8Array<ArrayBuffer>} */
const bytes = (base64url) => Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

/** Whether it makes sense to offer one. @returns {boolean} */
export const offered = () => Boolean(/** @type {any} */ (globalThis).PublicKeyCredential && navigator.credentials);

/**
 * Makes a passkey for this portal.
 * @param {string} name what the browser calls it
 * @returns {Promise<{ id: string, key: string }>}
 */
export async function make(name) {
  const options = {
    // What enrols the agent is the link: the server looks at no attestation.
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    rp: { id: location.hostname, name: "Glimpse" },
    user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
    pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
    authenticatorSelection: { residentKey: "discouraged", userVerification: "required" },
    attestation: "none",
    timeout: WAIT,
  };
  const made = /** @type {any} */ (await navigator.credentials.create(/** @type {any} */ ({ publicKey: options })));
  const key = made.response.getPublicKey();
  if (!key) throw new Error("the browser does not know this kind of key");
  return { id: text(made.rawId), key: text(key) };
}

/**
 * Has the passkey answer a challenge of the server.
 * @param {{ challenge: string, id: string }} asked
 * @returns {Promise<Record<string, string>>}
 */
export async function answer({ challenge, id }) {
  const options = {
    challenge: bytes(challenge),
    rpId: location.hostname,
    allowCredentials: [{ type: "public-key", id: bytes(id) }],
    userVerification: "required",
    timeout: WAIT,
  };
  const { response } = /** @type {any} */ (await navigator.credentials.get(/** @type {any} */ ({ publicKey: options })));
  return {
    authenticator_data: text(response.authenticatorData),
    client_data: text(response.clientDataJSON),
    signature: text(response.signature),
  };
}
