// SPDX-License-Identifier: ISC
// Bytes from the gateway, read one thing after the other. They are anybody's: whatever is out of range
// throws.
export class FrameError extends Error {}

export function fail(why) {
	throw new FrameError(why);
}

const text = new TextDecoder("utf-8", {fatal: true, ignoreBOM: true});

export class Reader {
	constructor(bytes) {
		this.bytes = bytes;
		this.at = 0;
	}

	get left() {
		return this.bytes.length - this.at;
	}

	u8() {
		if (this.at >= this.bytes.length)
			fail("cut off");
		return this.bytes[this.at++];
	}

	// LEB128, at most `max`.
	varint(max) {
		let value = 0;

		for (let i = 0, scale = 1; i < 10; i++, scale *= 128) {
			const byte = this.u8();

			value += (byte & 0x7f) * scale;
			if (byte < 0x80)
				return value <= max ? value : fail("a number is out of range");
		}
		return fail("a number is too long");
	}

	// A number at most `max` away from 0.
	signed(max) {
		const value = this.varint(2 * max);

		return value % 2 ? -(value + 1) / 2 : value / 2;
	}

	raw(count) {
		if (count > this.left)
			fail("cut off");
		this.at += count;
		return this.bytes.subarray(this.at - count, this.at);
	}

	// A length of at most `max` bytes and as many of text without controls.
	string(max) {
		const bytes = this.raw(this.varint(max));

		try {
			const value = text.decode(bytes);

			return /[\x00-\x1f\x7f-\x9f]/.test(value) ? fail("a control in a string") : value;
		} catch {
			return fail("a string is not printable UTF-8");
		}
	}

	// A printable character of UTF-8 (RFC 3629).
	glyph() {
		const first = this.u8();
		const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1
			: first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
		let cp = more > 0 ? first & (0x3f >> more) : first;

		if (more < 0)
			fail("no UTF-8");
		for (let i = 0; i < more; i++) {
			const next = this.u8();

			if ((next & 0xc0) !== 0x80)
				fail("no UTF-8");
			cp = cp << 6 | next & 0x3f;
		}
		if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0xd800 && cp < 0xe000) ||
				cp > 0x10ffff || cp < [0, 0x80, 0x800, 0x10000][more])
			fail("a character that is not printable");
		return cp;
	}
}
