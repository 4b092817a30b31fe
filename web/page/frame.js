// SPDX-License-Identifier: ISC
// Screens, and the frames that lead from one to the next, as docs/protocol.md ("Frame") has them. The
// bytes are anybody's: whatever is out of range throws, and what a frame may cost is bounded.

export const ROWS_MAX = 1000;
export const COLS_MAX = 1000;
const TITLE_MAX = 255; // bytes
const LINK_MAX = 2083; // bytes
const ROW_LINKS_MAX = 255; // different ones
const ROW_LINK_BYTES = 4096;
const MARKS_MAX = 5;
const WRITES_MAX = 8; // cells that a frame may write for each cell of the screen

// A cell is five words: its glyph (code point, width from bit 24 on), foreground, background, colour
// of the underline, attributes. A colour is 0, INDEXED + index or RGB + 0xRRGGBB.
export const CELL = 5;
export const INDEXED = 1 << 24;
export const RGB = 2 << 24;
export const BOLD = 1;
export const FAINT = 2;
export const ITALIC = 4;
export const BLINK = 8;
export const REVERSE = 16;
export const CONCEAL = 32;
export const STRIKE = 64;
export const OVERLINE = 128;
export const UNDERLINE_SHIFT = 8; // 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed
const UNDERLINES = 6;
const ATTRS_MAX = 0x7ff;

const WIDTH_1 = 1 << 24;
const WIDTH_2 = 2 << 24;
const BLANK = WIDTH_1 | 0x20;

export const widthOf = (glyph) => glyph >>> 24;
export const codeOf = (glyph) => glyph & 0x1fffff;

export class FrameError extends Error {}

function fail(why) {
	throw new FrameError(why);
}

// ---- Rows and screens: once shown they never change; two screens share the rows that are the same ----

export class Row {
	constructor(cols) {
		this.cells = new Uint32Array(cols * CELL);
		this.marks = null; // of a column: its combining code points, as a string
		this.links = null; // of a column: where its cell leads
		this.wrapped = false;
		this.owner = null; // the decoder that may still write it
		this.blank(0, cols, 0);
	}

	get cols() {
		return this.cells.length / CELL;
	}

	// A copy that `owner` may write, cut or padded to `cols`; a wide glyph cut in two is a blank.
	copy(cols, owner) {
		const row = Object.create(Row.prototype);
		const kept = Math.min(cols, this.cols);

		row.cells = cols === this.cols ? this.cells.slice() : new Uint32Array(cols * CELL);
		row.marks = this.marks && new Map(this.marks);
		row.links = this.links && new Map(this.links);
		row.wrapped = this.wrapped && cols === this.cols;
		row.owner = owner;
		if (cols !== this.cols) {
			row.cells.set(this.cells.subarray(0, kept * CELL));
			for (const map of [row.marks, row.links])
				for (const col of map?.keys() ?? [])
					if (col >= kept)
						map.delete(col);
			row.blank(kept, cols, 0);
			if (kept < this.cols && widthOf(row.glyph(kept - 1)) === 2)
				row.blank(kept - 1, kept, row.cells[(kept - 1) * CELL + 2]);
		}
		return row;
	}

	glyph(col) {
		return this.cells[col * CELL];
	}

	marksAt(col) {
		return this.marks?.get(col) ?? "";
	}

	set(col, glyph, fg, bg, ul, attrs) {
		const at = col * CELL;

		this.cells[at] = glyph;
		this.cells[at + 1] = fg;
		this.cells[at + 2] = bg;
		this.cells[at + 3] = ul;
		this.cells[at + 4] = attrs;
		this.marks?.delete(col);
		this.links?.delete(col);
	}

	// Blanks from one column to before another; a wide glyph that is cut in two goes altogether.
	blank(from, to, bg) {
		if (from >= to)
			return;
		if (from > 0 && this.glyph(from) === 0 && widthOf(this.glyph(from - 1)) === 2)
			this.set(from - 1, BLANK, 0, this.cells[(from - 1) * CELL + 2], 0, 0);
		if (to < this.cols && this.glyph(to) === 0 && widthOf(this.glyph(to - 1)) === 2)
			this.set(to, BLANK, 0, this.cells[to * CELL + 2], 0, 0);
		for (let col = from; col < to; col++)
			this.set(col, BLANK, 0, bg, 0, 0);
	}

	// A glyph, in the style that begins at `from[at]`.
	put(col, glyph, from, at) {
		const wide = widthOf(glyph) === 2;
		const fg = from[at], bg = from[at + 1], ul = from[at + 2], attrs = from[at + 3];

		if (widthOf(this.glyph(col)) !== 1 || (wide && widthOf(this.glyph(col + 1)) !== 1))
			this.blank(col, col + (wide ? 2 : 1), bg);
		this.set(col, glyph, fg, bg, ul, attrs);
		if (wide)
			this.set(col + 1, 0, fg, bg, ul, attrs);
	}

	// How many columns there are without the default blanks at the end.
	used() {
		let end = this.cells.length;

		while (end > 0 && this.cells[end - 5] === BLANK &&
				(this.cells[end - 4] | this.cells[end - 3] | this.cells[end - 2] |
					this.cells[end - 1]) === 0 &&
				!this.marks?.has(end / CELL - 1) && !this.links?.has(end / CELL - 1))
			end -= CELL;
		return end / CELL;
	}
}

export class Screen {
	constructor(rows, cols) {
		this.rows = rows;
		this.cols = cols;
		this.row = new Array(rows).fill(new Row(cols));
		this.cursor = {row: 0, col: 0, shape: 0, blink: true, visible: true, wrap: false};
		this.reverse = false;
		this.alt = false;
		this.bell = 0; // rings, modulo 4
		this.title = "";
	}

	// A screen of its own with the same rows; cut or padded.
	copy(rows, cols) {
		const screen = Object.create(Screen.prototype);
		const sized = new Map(); // rows that are the same stay the same

		Object.assign(screen, this, {rows, cols, cursor: {...this.cursor}});
		if (rows === this.rows && cols === this.cols) {
			screen.row = this.row.slice();
			return screen;
		}
		for (const row of this.row)
			if (!sized.has(row))
				sized.set(row, cols === this.cols ? row : row.copy(cols, null));
		const blank = rows > this.rows ? new Row(cols) : null;
		screen.row = Array.from({length: rows}, (_, i) => sized.get(this.row[i]) ?? blank);
		return screen;
	}
}

// ---- Bytes -----------------------------------------------------------------------------------------

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

const WIDE = [0x1100, 0x115f, 0x2e80, 0x303e, 0x3041, 0xa4cf, 0xac00, 0xd7a3, 0xf900, 0xfaff, 0xfe30,
	0xfe6f, 0xff01, 0xff60, 0xffe0, 0xffe6, 0x1f300, 0x1f64f, 0x1f680, 0x1f6ff, 0x1f900, 0x1f9ff,
	0x20000, 0x3fffd];

function glyphWidth(cp) {
	for (let i = 0; i < WIDE.length && cp >= WIDE[i]; i += 2)
		if (cp <= WIDE[i + 1])
			return 2;
	return 1;
}

// ---- Decoding --------------------------------------------------------------------------------------

// `source` is where COPY takes cells from, `screen` what the frame leads to. A row of `screen` is
// copied when it is first written, so those of `source` stay as they are.
class Decoder {
	constructor(base, reader) {
		const sized = reader.left > 0 && reader.bytes[reader.at] === 0x9d;

		this.in = reader;
		if (sized)
			reader.u8();
		else if (base === null)
			fail("a key frame without a size");
		this.rows = sized ? reader.varint(ROWS_MAX) : base.rows;
		this.cols = sized ? reader.varint(COLS_MAX) : base.cols;
		if (this.rows === 0 || this.cols === 0)
			fail("a screen without cells");
		this.screen = base ? base.copy(this.rows, this.cols) : new Screen(this.rows, this.cols);
		this.source = this.screen.row.slice();
		const cursor = this.screen.cursor;
		this.row = Math.min(cursor.row, this.rows - 1);
		this.col = Math.min(cursor.col, this.cols - 1);
		if (cursor.wrap && this.col === this.cols - 1)
			this.col = this.cols;
		this.homeRow = this.row;
		this.homeCol = this.col;
		this.edgeRow = -1;
		this.edgeCol = this.col;
		this.copyRows = 0;
		this.copyCols = 0;
		this.pen = new Uint32Array(4); // foreground, background, colour of the underline, attributes
		this.hasPen = false;
		this.moveRow = 0; // the row after the last move
		this.writesLeft = this.rows * this.cols * WRITES_MAX;
	}

	// The row at the position, to be written.
	writable() {
		const row = this.screen.row[this.row];

		if (row.owner === this)
			return row;
		return this.screen.row[this.row] = row.copy(this.cols, this);
	}

	// `count` cells will be written, all in this row.
	spend(count) {
		if (count > this.writesLeft)
			fail("the frame writes too many cells");
		if (count > this.cols - this.col)
			fail("cells past the end of the row");
		this.writesLeft -= count;
	}

	noteEdge() {
		if (this.edgeRow !== this.row) {
			this.edgeRow = this.row;
			this.edgeCol = this.col;
		}
	}

	onCell() {
		if (this.col === this.cols)
			fail("an operation on a cell is past the last column");
	}

	afterGlyph() {
		if (this.col === 0)
			fail("nothing is left of the first column");
	}

	// The pen, to be changed: if there is none, it begins as the style at the position.
	penToChange() {
		if (!this.hasPen)
			this.takePen(this.col);
		return this.pen;
	}

	takePen(col) {
		this.onCell();
		this.pen.set(this.screen.row[this.row].cells.subarray(col * CELL + 1, (col + 1) * CELL));
		this.hasPen = true;
	}

	// Puts a glyph of the width in it at the position, in the pen or the style that is there.
	put(row, glyph) {
		if (this.hasPen)
			row.put(this.col, glyph, this.pen, 0);
		else
			row.put(this.col, glyph, row.cells, this.col * CELL + 1);
	}

	glyph(otherWidth) {
		const cp = this.in.glyph();
		const width = otherWidth ? 3 - glyphWidth(cp) : glyphWidth(cp);

		if (this.col === this.cols) {
			if (this.row + 1 === this.rows)
				fail("text past the last row");
			this.writable().wrapped = true;
			this.row++;
			this.col = 0;
		}
		this.spend(width);
		this.noteEdge();
		this.put(this.writable(), width << 24 | cp);
		this.col += width;
	}

	mark() {
		const cp = this.in.glyph();

		this.afterGlyph();
		const row = this.writable();
		const col = widthOf(row.glyph(this.col - 1)) === 0 ? this.col - 2 : this.col - 1;
		const marks = row.marksAt(col);

		row.marks ??= new Map();
		if ([...marks].length < MARKS_MAX)
			row.marks.set(col, marks + String.fromCodePoint(cp));
	}

	next() {
		if (this.row + 1 === this.rows)
			fail("a row past the last one");
		this.row++;
		this.col = 0;
	}

	erase() {
		this.onCell();
		this.spend(this.cols - this.col);
		this.noteEdge();
		this.writable().blank(this.col, this.cols, this.hasPen ? this.pen[1] : 0);
	}

	repeat() {
		const count = this.in.varint(this.cols - 1) + 1;

		this.afterGlyph();
		this.spend(count);
		const row = this.writable();
		const glyph = row.glyph(this.col - 1), marks = row.marksAt(this.col - 1);

		if (widthOf(glyph) !== 1)
			fail("only a glyph of width 1 repeats");
		this.noteEdge();
		for (let i = 0; i < count; i++, this.col++) {
			this.put(row, glyph);
			if (marks)
				row.marks.set(this.col, marks);
		}
	}

	// `count` cells from `col` on begin and end with whole glyphs.
	whole(row, col, count) {
		if (row.glyph(col) === 0 || (col + count < this.cols && row.glyph(col + count) === 0))
			fail("half of a wide glyph");
	}

	restyle(count) {
		this.spend(count);
		if (!this.hasPen)
			fail("there is no pen to restyle with");
		this.whole(this.screen.row[this.row], this.col, count);
		this.noteEdge();
		const row = this.writable();

		for (let i = 0; i < count; i++, this.col++)
			row.cells.set(this.pen, this.col * CELL + 1);
	}

	copy() {
		const count = this.in.varint(this.cols - 1) + 1;
		const from = this.source[this.row + this.copyRows];
		const first = this.col + this.copyCols;

		this.spend(count);
		if (from === undefined || first < 0 || first + count > this.cols)
			fail("a copy from outside the screen");
		this.whole(from, first, count);
		this.noteEdge();
		const row = this.writable();

		for (let col = first; col < first + count; col++, this.col++) {
			const marks = from.marksAt(col);

			if (from.glyph(col) === 0)
				continue;
			row.put(this.col, from.glyph(col), from.cells, col * CELL + 1);
			if (marks)
				(row.marks ??= new Map()).set(this.col, marks);
		}
	}

	// Makes `count` cells lead somewhere, or nowhere.
	link() {
		const count = this.in.varint(this.cols - 1) + 1;
		const uri = this.in.string(LINK_MAX);

		this.spend(count);
		if (uri && !/^https?:\/\/[!-~]+$/.test(uri))
			fail("a link that is not http or https, or not encoded");
		const row = this.writable();
		const links = row.links ??= new Map();

		for (let col = this.col; col < this.col + count; col++)
			links.delete(col);
		if (!uri)
			return;
		const all = new Set(links.values()).add(uri);

		if (all.size > ROW_LINKS_MAX || [...all].join("").length > ROW_LINK_BYTES)
			fail("more links than a row has room for");
		for (let col = this.col; col < this.col + count; col++)
			links.set(col, uri);
	}

	move() {
		const row = this.moveRow + this.in.varint(this.rows - this.moveRow);
		const count = this.in.varint(this.rows - 1) + 1;
		const shift = this.in.signed(this.rows);

		if (count > this.rows - row || row + shift < 0 || row + count + shift > this.rows)
			fail("a move from or to outside the screen");
		for (let i = row; i < row + count; i++)
			this.screen.row[i] = this.source[i + shift];
		this.moveRow = row + count;
	}

	state() {
		const state = this.in.u8();
		const cursor = this.screen.cursor;

		if ((state & 3) > 2)
			fail("an unknown state of the screen");
		cursor.shape = state & 3;
		cursor.blink = (state & 4) !== 0;
		cursor.visible = (state & 8) !== 0;
		this.screen.reverse = (state & 16) !== 0;
		this.screen.alt = (state & 32) !== 0;
		this.screen.bell = state >> 6;
	}

	head() {
		for (; this.in.left > 0; ) {
			switch (this.in.bytes[this.in.at]) {
			case 0x1e: this.in.u8(); this.move(); break;
			case 0x1f: this.in.u8(); this.state(); break;
			case 0x9c: this.in.u8(); this.screen.title = this.in.string(TITLE_MAX); break;
			default: return;
			}
		}
	}

	decode() {
		this.head();
		this.source = this.screen.row.slice();
		while (this.in.left > 0) {
			let op = this.in.bytes[this.in.at];
			const otherWidth = op === 0x0a;

			if (otherWidth) {
				this.in.u8();
				op = this.in.left > 0 ? this.in.bytes[this.in.at] : 0;
			}
			if ((op >= 0x20 && op < 0x7f) || op >= 0xc2) {
				this.glyph(otherWidth);
			} else {
				if (otherWidth)
					fail("a width without a glyph");
				this.in.u8();
				(OPS[op] ?? unknown)(this, op);
			}
		}
		const cursor = this.screen.cursor;
		cursor.row = this.row;
		cursor.wrap = this.col === this.cols;
		cursor.col = cursor.wrap ? this.col - 1 : this.col;
		return this.screen;
	}
}

function unknown() {
	fail("an unknown operation, or one in the wrong place");
}

const indexed = (d) => INDEXED + d.in.u8();
const rgb = (d) => {
	const [red, green, blue] = d.in.raw(3);

	return RGB + (red << 16 | green << 8 | blue);
};

function underline(d) {
	const value = d.in.varint(257 + 0xffffff);

	return value === 0 ? 0 : value < 257 ? INDEXED + value - 1 : RGB + value - 257;
}

function attrs(d) {
	const value = d.in.varint(ATTRS_MAX);

	return value >> UNDERLINE_SHIFT < UNDERLINES ? value : fail("unknown attributes");
}

const OPS = [];
OPS[0x01] = (d) => d.next();
OPS[0x02] = (d) => {
	const col = d.edgeCol;

	d.next();
	d.col = col;
};
OPS[0x03] = (d) => {
	d.row = d.in.varint(d.rows - 1);
	d.col = d.in.varint(d.cols);
};
OPS[0x04] = (d) => d.col = d.in.varint(d.cols);
OPS[0x05] = (d) => {
	d.row = d.homeRow;
	d.col = d.homeCol;
};
OPS[0x06] = (d) => d.erase();
OPS[0x07] = (d) => d.repeat();
OPS[0x08] = (d) => {
	const row = d.writable();

	row.wrapped = !row.wrapped;
};
OPS[0x09] = (d) => d.mark();
OPS[0x0b] = (d) => d.restyle(1);
OPS[0x0c] = (d) => d.restyle(d.in.varint(d.cols - 1) + 1);
OPS[0x0d] = (d) => d.copy();
OPS[0x0e] = (d) => {
	d.copyRows = d.in.signed(d.rows);
	d.copyCols = 0;
	d.copy();
};
OPS[0x0f] = (d) => {
	d.copyRows = 0;
	d.copyCols = d.in.signed(d.cols);
	d.copy();
};
OPS[0x10] = (d) => {
	d.pen.fill(0);
	d.hasPen = true;
};
OPS[0x11] = (d) => {
	d.afterGlyph();
	d.takePen(d.col - 1);
};
OPS[0x12] = (d) => d.penToChange()[0] = indexed(d);
OPS[0x13] = (d) => d.penToChange()[1] = indexed(d);
OPS[0x14] = (d) => d.penToChange()[0] = rgb(d);
OPS[0x15] = (d) => d.penToChange()[1] = rgb(d);
OPS[0x16] = (d) => d.penToChange()[0] = 0;
OPS[0x17] = (d) => d.penToChange()[1] = 0;
OPS[0x18] = (d) => d.penToChange()[2] = underline(d);
OPS[0x19] = (d) => d.penToChange()[3] = attrs(d);
[BOLD, REVERSE, ITALIC, 1 << UNDERLINE_SHIFT].forEach((bit, i) => {
	OPS[0x1a + i] = (d) => d.penToChange()[3] ^= bit;
});
for (let i = 0; i < 24; i++)
	OPS[0x80 + i] = (d) => d.col + i + 1 <= d.cols ? d.col += i + 1 : fail("a column past the last");
for (let i = 0; i < 4; i++)
	OPS[0x98 + i] = (d) => d.col > i ? d.col -= i + 1 : fail("a column before the first");
OPS[0x9e] = (d) => d.link();
for (let i = 0; i < 16; i++) {
	OPS[0xa0 + i] = (d) => d.penToChange()[0] = INDEXED + i;
	OPS[0xb0 + i] = (d) => d.penToChange()[1] = INDEXED + i;
}

// The screen that `bytes` lead to from `base`; null: a key frame. Throws FrameError.
export function applyFrame(base, bytes) {
	if (base !== null && bytes.length === 0)
		return base;
	return new Decoder(base, new Reader(bytes)).decode();
}
