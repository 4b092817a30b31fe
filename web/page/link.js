// SPDX-License-Identifier: ISC
// The connection to the gateway: says who we are, keeps the screen up to date, acknowledges what was
// painted, and comes back when the link is lost. Knows nothing of the document.
import {applyFrame} from "./frame.js";
import {Inflater} from "./inflate.js";
import * as wire from "./wire.js";

const RETRY_MS = 250; // doubled up to
const RETRY_MAX_MS = 8000;
const RETRY_ROOM_MS = 5000; // at first, where there was no room
const ACK_MS = 100; // between two of them
const PING_FIRST_MS = 1000; // not while the page is still being made
const PINGS_FIRST = 3; // so far apart, to begin with: then
const PING_MS = 10_000;
const PINGS_KEPT = 6; // whose shortest round trip is the line's
const SILENT_MS = 4000; // without an answer: the link is lost
const TOKEN_KEY = "mirrord.token";
const SESSION_KEY = "mirrord.session";

const NO_EPOCH = new Uint8Array(8);

// Storage may be forbidden; then the token lives as long as the page does.
const memory = new Map();
function keep(key, value) {
	memory.set(key, value);
	try {
		sessionStorage.setItem(key, value);
	} catch {}
}
function kept(key) {
	try {
		return sessionStorage.getItem(key) ?? memory.get(key) ?? "";
	} catch {
		return memory.get(key) ?? "";
	}
}

// The round trip of the line: what took longer waited for something else, mostly for the page itself.
export class RoundTrip {
	constructor() {
		this.last = [];
	}

	// Takes how long an answer took; the shortest of the last ones.
	put(ms) {
		this.last = [...this.last.slice(1 - PINGS_KEPT), ms];
		return Math.min(...this.last);
	}
}

// States that `on.state` hears of: "connecting", "live", "lost" (it will try again), "ended" (it will not).
export class Link {
	// `on`: state(state, why), welcome(name), sessions(list), joined(session, whether it is another than
	// before), watching(count), notice(text),
	// screen(screen, changedAt), left(status, text), rtt(ms)
	constructor(on) {
		this.on = on;
		this.socket = null;
		this.retryMs = RETRY_MS;
		this.retryTimer = 0;
		this.state = "";
		this.session = kept(SESSION_KEY);
		this.forget();
		this.history = null; // {resolve}: of the one request
		document.addEventListener("visibilitychange", () => this.onVisible());
		addEventListener("online", () => this.state === "lost" && this.connect());
		addEventListener("offline", () => this.socket && this.lose("this computer is offline"));
	}

	// Takes a token out of the address, if there is one.
	static takeToken() {
		const token = location.hash.slice(1);

		if (!/^[\w-]{22}$/.test(token))
			return false;
		history.replaceState(null, "", location.pathname);
		keep(TOKEN_KEY, token);
		return true;
	}

	static hasToken() {
		return kept(TOKEN_KEY) !== "";
	}

	// What it has of the session's screen: nothing any more.
	forget() {
		this.screen = null;
		this.epoch = NO_EPOCH;
		this.seq = 0;
		this.painted = 0;
		this.acked = 0;
		this.arrived = 0;
		this.changed = null; // since when its screen stands, if it is not new
		this.inflater?.close();
		this.inflater = null;
	}

	setState(state, why = "") {
		this.state = state;
		this.on.state(state, why);
	}

	// ---- Connecting ------------------------------------------------------------------------------------

	connect() {
		const scheme = location.protocol === "https:" ? "wss:" : "ws:";
		const socket = new WebSocket(`${scheme}//${location.host}/watch`, wire.PROTOCOL);
		let queue = Promise.resolve();

		this.drop();
		this.socket = socket;
		socket.binaryType = "arraybuffer";
		this.setState("connecting");
		socket.onopen = () => this.send(wire.put(wire.HELLO).number(wire.VERSION)
			.string(kept(TOKEN_KEY)).string(this.session).raw(this.epoch).number(this.seq));
		socket.onmessage = ({data}) => {
			const arrived = performance.now();

			queue = queue.then(() => this.socket === socket && this.take(new Uint8Array(data), arrived))
				.catch((error) => this.socket === socket && this.broke(error));
		};
		// What came before the end is taken first: it may say why.
		socket.onclose = () => queue = queue.then(() => this.socket === socket && this.lose());
	}

	// Lets go of the socket without a word.
	drop() {
		const socket = this.socket;

		clearTimeout(this.retryTimer);
		clearTimeout(this.pingTimer);
		clearTimeout(this.ackTimer);
		this.ackTimer = this.pingTimer = 0;
		this.socket = null;
		this.history?.resolve(null);
		this.history = null;
		if (socket) {
			socket.onopen = socket.onmessage = socket.onclose = null;
			socket.close();
		}
	}

	lose(why = "the link is lost", waitMs = this.retryMs) {
		this.drop();
		this.setState("lost", why);
		this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
		// A page that nobody looks at need not come back before somebody does.
		if (document.visibilityState === "visible" || this.seq === 0)
			this.retryTimer = setTimeout(() => this.connect(), waitMs * (0.5 + Math.random()));
	}

	end(why) {
		this.drop();
		this.setState("ended", why);
	}

	broke(error) {
		console.warn("mirrord:", error.message);
		this.forget();
		this.lose("the gateway sent something that makes no sense");
	}

	send(message) {
		if (this.socket?.readyState === WebSocket.OPEN)
			this.socket.send(message.bytes());
	}

	// ---- Messages --------------------------------------------------------------------------------------

	async take(bytes, arrived) {
		const message = wire.read(bytes);

		switch (message.kind) {
		case wire.WELCOME: return this.takeWelcome(message);
		case wire.SESSIONS: return this.on.sessions(message.list);
		case wire.JOINED: return this.takeJoined(message, arrived);
		case wire.WATCHING: return this.on.watching(message.watching);
		case wire.NOTICE: return this.on.notice(message.text);
		case wire.PONG: return this.takePong(message, arrived);
		case wire.HISTORY_IS: return this.takeHistory(message);
		case wire.LEFT: return this.takeLeft(message);
		case wire.BYE: return this.takeBye(message);
		case wire.START: return this.takeStart(message, arrived);
		default: return this.takeStep(message, arrived);
		}
	}

	takeWelcome({token, name}) {
		keep(TOKEN_KEY, token);
		this.retryMs = RETRY_MS;
		this.roundTrip = new RoundTrip();
		this.setState("live");
		this.on.welcome(name);
		if (document.visibilityState !== "visible")
			this.send(wire.put(wire.VISIBLE).u8(0));
		else
			this.pingIn(PING_FIRST_MS);
	}

	takeJoined(message, arrived) {
		const fresh = message.session !== this.session || message.epoch.join() !== this.epoch.join();

		if (fresh)
			this.forget();
		this.epoch = message.epoch;
		this.changed = arrived - message.age;
		this.session = message.session;
		keep(SESSION_KEY, this.session);
		this.on.joined(message, fresh);
	}

	takeLeft({status, text}) {
		this.session = "";
		keep(SESSION_KEY, "");
		this.forget();
		this.on.left(status, text);
	}

	takeBye({reason, text}) {
		switch (reason) {
		case wire.BYE_STOPS: return this.lose(text || "the gateway stops");
		case wire.BYE_ROOM: return this.lose(text || "there is no room", Math.max(this.retryMs, RETRY_ROOM_MS));
		case wire.BYE_VERSION:
			if (kept("mirrord.reloaded") === "")
				return keep("mirrord.reloaded", "1"), location.reload();
			return this.end(text || "the gateway is of another version");
		case wire.BYE_TOKEN: case wire.BYE_REVOKED:
			keep(TOKEN_KEY, "");
			keep(SESSION_KEY, "");
			return this.end(text || "this link is not valid any more");
		default: return this.end(text || "the gateway ended the connection");
		}
	}

	async takeStart({packed}, arrived) {
		this.inflater?.close();
		this.inflater = new Inflater();
		const {seq, base, frame} = wire.readStart(await this.inflater.put(packed));

		if (base !== 0 && base !== this.seq)
			throw new Error("a start from a screen that is not here");
		this.step(base === 0 ? null : this.screen, frame, seq, arrived);
	}

	async takeStep({packed}, arrived) {
		if (this.inflater === null)
			throw new Error("a step before a start");
		this.step(this.screen, await this.inflater.put(packed), this.seq + 1, arrived);
	}

	step(base, frame, seq, arrived) {
		// The first one after JOINED may have stood for a while.
		const changed = this.changed ?? arrived;

		this.screen = applyFrame(base, frame);
		this.seq = seq;
		this.arrived = arrived;
		this.changed = null;
		this.on.screen(this.screen, changed);
	}

	// ---- What it says ----------------------------------------------------------------------------------

	// The newest screen is on the page now.
	paintedNow() {
		this.painted = this.seq;
		if (this.ackTimer === 0 && this.painted !== this.acked)
			this.ack();
	}

	ack() {
		this.acked = this.painted;
		this.send(wire.put(wire.ACK).number(this.painted)
			.number(Math.max(Math.round(performance.now() - this.arrived), 0)));
		this.ackTimer = setTimeout(() => {
			this.ackTimer = 0;
			if (this.painted !== this.acked)
				this.ack();
		}, ACK_MS);
	}

	onVisible() {
		const shown = document.visibilityState === "visible";

		if (this.state === "lost")
			return shown ? this.connect() : clearTimeout(this.retryTimer);
		clearTimeout(this.pingTimer);
		this.pingTimer = 0;
		this.send(wire.put(wire.VISIBLE).u8(shown ? 1 : 0));
		if (shown && this.state === "live")
			this.ping();
	}

	pingIn(ms) {
		clearTimeout(this.pingTimer);
		this.pingTimer = setTimeout(() => this.ping(), ms);
	}

	// Asks for an answer now and then, to know the round trip, and that there still is somebody.
	ping() {
		this.pinged = performance.now();
		this.send(wire.put(wire.PING).number(Math.floor(this.pinged) % 2 ** 32));
		clearTimeout(this.pingTimer);
		this.pingTimer = setTimeout(() => this.lose("no answer"), SILENT_MS);
	}

	takePong({number}, arrived) {
		if (number !== Math.floor(this.pinged) % 2 ** 32 || this.pingTimer === 0)
			return;
		this.on.rtt(this.roundTrip.put(arrived - this.pinged));
		this.pingIn(this.roundTrip.last.length < PINGS_FIRST ? PING_FIRST_MS : PING_MS);
	}

	join(session) {
		this.forget();
		this.session = session;
		keep(SESSION_KEY, session);
		this.send(wire.put(wire.JOIN).string(session));
	}

	// ---- History ---------------------------------------------------------------------------------------

	// Rows that scrolled away: {from, end, oldest, rows}; null if there is no answer.
	askHistory(from, count) {
		if (this.history !== null || this.state !== "live")
			return Promise.resolve(null);
		this.send(wire.put(wire.HISTORY).number(from).number(count));
		return new Promise((resolve) => this.history = {resolve});
	}

	async takeHistory({from, end, oldest, packed}) {
		const asked = this.history;
		const inflater = new Inflater();
		const bytes = await inflater.put(packed);

		inflater.close();
		this.history = null;
		asked?.resolve({from, end, oldest, rows: bytes.length ? applyFrame(null, bytes).row : []});
	}
}
