// SPDX-License-Identifier: ISC
// One raw deflate stream, piece by piece, through the browser's DecompressionStream. Each piece ends at a
// whole byte and holds all bits of its data (docs/protocol.md, "Frames through one stream").

const INFLATED_MAX = 64 << 20; // bytes of one message
const PIECE = 16 << 10; // bytes written at once: deflate makes at most 1,032 of each

const {port1: wake, port2: sleep} = new MessageChannel();
const sleepers = [];
sleep.onmessage = () => sleepers.shift()();

// Until everything that is ready to run has run; no timer, so that it takes no time.
const turn = () => new Promise((resolve) => {
	sleepers.push(resolve);
	wake.postMessage(null);
});

export class Inflater {
	constructor() {
		const stream = new DecompressionStream("deflate-raw");

		this.writer = stream.writable.getWriter();
		this.reader = stream.readable.getReader();
		this.parts = [];
		this.size = 0;
		this.broken = false;
		this.pump().catch(() => this.broken = true);
	}

	async pump() {
		for (;;) {
			const {value, done} = await this.reader.read();

			if (done)
				break;
			this.parts.push(value);
			this.size += value.length;
		}
		this.broken = true; // a stream of ours never ends
	}

	// What the next piece inflates to. Throws if it is malformed.
	async put(bytes) {
		this.parts = [];
		this.size = 0;
		for (let at = 0; at < bytes.length; at += PIECE) {
			await this.writer.write(bytes.subarray(at, at + PIECE));
			// All that came of it is queued now; the pump takes it before the next task.
			await turn();
			if (this.size > INFLATED_MAX)
				throw new Error("a message inflates to more than it may");
		}
		if (this.broken)
			throw new Error("a message does not inflate");
		if (this.parts.length === 1)
			return this.parts[0];
		const all = new Uint8Array(this.size);
		let at = 0;

		for (const part of this.parts) {
			all.set(part, at);
			at += part.length;
		}
		return all;
	}

	close() {
		this.reader.cancel().catch(() => {});
		this.writer.abort().catch(() => {});
	}
}
