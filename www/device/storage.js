// Whether the browser may delete what this page keeps.

/** Firefox asks the person, who is to know first what for; other browsers decide by themselves, and say nothing. */
const ASKS = "mozInnerScreenX" in globalThis;

/** @returns {Promise<boolean | null>} nothing where the browser does not say */
export async function isSafe() {
  try {
    return await navigator.storage.persisted();
  } catch {
    return null;
  }
}

/** Asks the browser to keep it. @returns {Promise<boolean>} whether it does */
export async function keep() {
  try {
    return await navigator.storage.persist();
  } catch {
    return false;
  }
}

/** The same where nobody is asked anything. @returns {Promise<boolean | null>} as `isSafe` */
export async function keepQuietly() {
  const safe = await isSafe();
  return safe === false && !ASKS ? keep() : safe;
}
