// What a console does with the portal in its frame: it writes down when a look began and ended. That is all that it is told.

const log = document.getElementById("log");
const portal = document.querySelector("glimpse-agent");

for (const type of ["ready", "session-started", "session-ended", "error"]) {
  portal?.addEventListener(`glimpse-${type}`, (event) => {
    const line = document.createElement("li");
    const { code } = /** @type {CustomEvent} */ (event).detail;
    line.textContent = code ? `${type}: ${code}` : type;
    log?.append(line);
  });
}
