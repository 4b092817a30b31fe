// SPDX-License-Identifier: ISC
// What a browser and its gateway say to each other: docs/protocol.md, "Web".
import {FrameError, Reader} from "./reader.js";

export const VERSION = 1;
export const PROTOCOL = "mirrord.1";

export const HELLO = 0x01;
export const ACK = 0x02;
export const VISIBLE = 0x03;
export const JOIN = 0x04;
export const HISTORY = 0x05;
export const PING = 0x06;

export const STEP = 0x01;
export const START = 0x02;
export const WELCOME = 0x41;
export const SESSIONS = 0x42;
export const JOINED = 0x43;
export const WATCHING = 0x44;
export const NOTICE = 0x45;
export const PONG = 0x46;
export const HISTORY_IS = 0x47;
export const LEFT = 0x48;
export const BYE = 0x49;

// Reasons of BYE
export const BYE_TOKEN = 1;
export const BYE_REVOKED = 2;
export const BYE_VERSION = 3;
export const BYE_BROKEN = 4;
export const BYE_STOPS = 5;
export const BYE_ROOM = 6;

const STRING_MAX = 256;
const SESSIONS_MAX = 4096;
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

// A message to the gateway: put(KIND).number(5).string("x").bytes().
class Writer {
	constructor(kind) {
		this.out = [kind];
	}

	u8(value) {
		this.out.push(value);
		return this;
	}

	number(value) {
		for (; value >= 128; value = Math.floor(value / 128))
			this.out.push(value % 128 + 128);
		this.out.push(value);
		return this;
	}

	string(text) {
		const bytes = new TextEncoder().encode(text);

		this.number(bytes.length).out.push(...bytes);
		return this;
	}

	// A u64 as the eight bytes that it came in.
	raw(bytes) {
		this.out.push(...bytes);
		return this;
	}

	bytes() {
		return Uint8Array.from(this.out);
	}
}

export const put = (kind) => new Writer(kind);

const number = (in_) => in_.varint(NUMBER_MAX);
const string = (in_) => in_.string(STRING_MAX);
const session = (in_) =>
	({session: string(in_), host: string(in_), start: number(in_), watching: number(in_)});
const rest = (in_) => in_.raw(in_.left);

const READERS = {
	[WELCOME]: (in_) => ({version: number(in_), token: string(in_), name: string(in_), time: number(in_)}),
	[SESSIONS]: (in_) => ({list: Array.from({length: in_.varint(SESSIONS_MAX)}, () => session(in_))}),
	[JOINED]: (in_) => ({...session(in_), epoch: in_.raw(8).slice(), age: number(in_)}),
	[WATCHING]: (in_) => ({watching: number(in_)}),
	[NOTICE]: (in_) => ({text: string(in_)}),
	[PONG]: (in_) => ({number: number(in_), time: number(in_)}),
	[HISTORY_IS]: (in_) => ({from: number(in_), end: number(in_), oldest: number(in_), packed: rest(in_)}),
	[LEFT]: (in_) => ({status: number(in_), text: string(in_)}),
	[BYE]: (in_) => ({reason: in_.u8(), text: string(in_)}),
	[START]: (in_) => ({packed: rest(in_)}),
	[STEP]: (in_) => ({packed: rest(in_)}),
};

// What START inflates to; what follows the frame only had to go through the inflater.
export function readStart(bytes) {
	const in_ = new Reader(bytes);

	return {seq: number(in_), base: number(in_), frame: in_.raw(number(in_))};
}

// A message from the gateway as an object with its `kind`. Throws FrameError.
export function read(bytes) {
	const in_ = new Reader(bytes);
	const kind = in_.u8();

	if (!(kind in READERS))
		throw new FrameError("an unknown message");
	const message = {kind, ...READERS[kind](in_)};

	if (in_.left > 0)
		throw new FrameError("a message is too long");
	return message;
}
