/**
 * What the person did: `docs/embedding.md` has the list.
 * @typedef {{ type: "typed", text: string, caret: number, edit: number }
 *   | { type: "submit" | "search" | "ask", text: string }
 *   | { type: "filter", kind: string }
 *   | { type: "window", first: number, count: number }
 *   | { type: "open", unit: string }
 *   | { type: "zoom", block: number, from: number, to: number }
 *   | { type: "network", online: boolean }
 *   | { type: "close" | "save" | "more-time" | "end" | "touched" }} Intent
 */
/**
 * A record in the list.
 * @typedef {{ unit: string, title: string, kind: string, author: string | null, mark: string | null, [more: string]: unknown }} Row
 */
/**
 * All that is on the screen. What stands in it is public to the page, and is to be drawn as text.
 * @typedef {object} Snapshot
 * @property {"enter" | "wait" | "session" | "ending" | "over"} screen
 * @property {{ text: string, caret: number, edit: number, state: string, [more: string]: unknown }} [entry]
 * @property {{ stage: "finding" | "proving" | "approving", words: [string, string] | null, owner: string | null, secondsLeft: number | null, present: boolean }} [wait]
 * @property {{ owner: string, list: { total: number, matching: number, first: number, rows: Row[], [more: string]: unknown }, record: Record<string, unknown> | null, [more: string]: unknown }} [session]
 * @property {{ code: string, session: boolean }} [over]
 * @property {{ number: number, key: string, urgent: boolean, [more: string]: unknown } | null} announcement
 */
/**
 * What the Worker tells: all that is on the screen; what an opened record reads as; its bytes; and more, which a page may leave
 * aside.
 * @typedef {{ kind: "snapshot", snapshot: Snapshot }
 *   | { kind: "view", unit: string, view: { notices: unknown[], blocks: ({ block: string } & Record<string, unknown>)[], [more: string]: unknown }, [more: string]: unknown }
 *   | { kind: "bytes", unit: string, offset: number, [more: string]: unknown }} Report
 */
/**
 * @typedef {object} Setting
 * @property {string} server the origin of Glimpse, `https://glimpse.example`, which must list yours in `allow_origins`
 * @property {(report: Report) => void} hear
 * @property {(code: "died" | "build-altered") => void} [failed] the viewer is no more; nothing of what it knew is left
 * @property {string} [program] what this program says it is: the person who lends sees it, as a claim
 * @property {() => Worker} [worker] makes the Worker, where your bundler or your policy wants another way than a module's address
 */
export class Viewer {
    /**
     * Starts a viewer with an empty memory, for one code.
     * @param {Setting} setting
     * @returns {Promise<Viewer>}
     */
    static start(setting: Setting): Promise<Viewer>;
    /** @param {Worker} worker @param {Setting} setting */
    constructor(worker: Worker, { hear, failed }: Setting);
    /** @param {Intent} intent */
    send(intent: Intent): void;
    /** Ends the Worker: its memory, and every key in it, is gone. Send `end` first, so that the server hears of it. */
    stop(): void;
    #private;
}
/**
 * What the person did: `docs/embedding.md` has the list.
 */
export type Intent = {
    type: "typed";
    text: string;
    caret: number;
    edit: number;
} | {
    type: "submit" | "search" | "ask";
    text: string;
} | {
    type: "filter";
    kind: string;
} | {
    type: "window";
    first: number;
    count: number;
} | {
    type: "open";
    unit: string;
} | {
    type: "zoom";
    block: number;
    from: number;
    to: number;
} | {
    type: "network";
    online: boolean;
} | {
    type: "close" | "save" | "more-time" | "end" | "touched";
};
/**
 * A record in the list.
 */
export type Row = {
    unit: string;
    title: string;
    kind: string;
    author: string | null;
    mark: string | null;
    [more: string]: unknown;
};
/**
 * All that is on the screen. What stands in it is public to the page, and is to be drawn as text.
 */
export type Snapshot = {
    screen: "enter" | "wait" | "session" | "ending" | "over";
    entry?: {
        [more: string]: unknown;
        text: string;
        caret: number;
        edit: number;
        state: string;
    } | undefined;
    wait?: {
        stage: "finding" | "proving" | "approving";
        words: [string, string] | null;
        owner: string | null;
        secondsLeft: number | null;
        present: boolean;
    } | undefined;
    session?: {
        [more: string]: unknown;
        owner: string;
        list: {
            total: number;
            matching: number;
            first: number;
            rows: Row[];
            [more: string]: unknown;
        };
        record: Record<string, unknown> | null;
    } | undefined;
    over?: {
        code: string;
        session: boolean;
    } | undefined;
    announcement: {
        number: number;
        key: string;
        urgent: boolean;
        [more: string]: unknown;
    } | null;
};
/**
 * What the Worker tells: all that is on the screen; what an opened record reads as; its bytes; and more, which a page may leave
 * aside.
 */
export type Report = {
    kind: "snapshot";
    snapshot: Snapshot;
} | {
    kind: "view";
    unit: string;
    view: {
        notices: unknown[];
        blocks: ({
            block: string;
        } & Record<string, unknown>)[];
        [more: string]: unknown;
    };
    [more: string]: unknown;
} | {
    kind: "bytes";
    unit: string;
    offset: number;
    [more: string]: unknown;
};
export type Setting = {
    /**
     * the origin of Glimpse, `https://glimpse.example`, which must list yours in `allow_origins`
     */
    server: string;
    hear: (report: Report) => void;
    /**
     * the viewer is no more; nothing of what it knew is left
     */
    failed?: ((code: "died" | "build-altered") => void) | undefined;
    /**
     * what this program says it is: the person who lends sees it, as a claim
     */
    program?: string | undefined;
    /**
     * makes the Worker, where your bundler or your policy wants another way than a module's address
     */
    worker?: (() => Worker) | undefined;
};
