// SPDX-License-Identifier: ISC
// Cells, rows of them, and screens. Once shown they never change; two screens share the rows that are the
// same.
//
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

const BLANK = 1 << 24 | 0x20;

export const widthOf = (glyph) => glyph >>> 24;
export const codeOf = (glyph) => glyph & 0x1fffff;

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
