/**
 * The element. Its attributes are `server`, the origin of Glimpse; `language`, `theme` (`auto`, `light` or `dark`), `case` and
 * `reason`, which the agent finds filled in; and `fixed`, with which the frame keeps the height that the page gives it.
 *
 * It fires `glimpse-ready`, `glimpse-session-started`, `glimpse-session-ended` and `glimpse-error`; the last two have a code in
 * `detail.code`.
 */
export class GlimpseAgent extends HTMLElement {
    static observedAttributes: string[];
    connectedCallback(): void;
    disconnectedCallback(): void;
    /** @param {string} name */
    attributeChangedCallback(name: string): void;
    #private;
}
/**
 * What the frame says, read: whatever is not exactly that is nothing.
 */
export type Said = {
    type: "ready";
} | {
    type: "resize";
    height: number;
} | {
    type: "session-started";
} | {
    type: "session-ended";
    code: string;
} | {
    type: "error";
    code: string;
};
