// SPDX-License-Identifier: ISC
// Frames, which lead from one screen to the next, as docs/protocol.md ("Frame") has them. What a frame may
// cost is bounded.
import {Reader, fail} from "./reader.js";
import {BOLD, CELL, INDEXED, ITALIC, REVERSE, RGB, Screen, UNDERLINE_SHIFT, widthOf} from "./row.js";

const ROWS_MAX = 1000;
const COLS_MAX = 1000;
const TITLE_MAX = 255; // bytes
const LINK_MAX = 2083; // bytes
const ROW_LINKS_MAX = 255; // different ones
const ROW_LINK_BYTES = 4096;
const MARKS_MAX = 5;
const WRITES_MAX = 8; // cells that a frame may write for each cell of the screen
const UNDERLINES = 6;
const ATTRS_MAX = 0x7ff;

const WIDE = [0x1100, 0x115f, 0x2e80, 0x303e, 0x3041, 0xa4cf, 0xac00, 0xd7a3, 0xf900, 0xfaff, 0xfe30,
	0xfe6f, 0xff01, 0xff60, 0xffe0, 0xffe6, 0x1f300, 0x1f64f, 0x1f680, 0x1f6ff, 0x1f900, 0x1f9ff,
	0x20000, 0x3fffd];

function glyphWidth(cp) {
	for (let i = 0; i < WIDE.length && cp >= WIDE[i]; i += 2)
		if (cp <= WIDE[i + 1])
			return 2;
	return 1;
}

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
