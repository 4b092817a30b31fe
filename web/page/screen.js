// SPDX-License-Identifier: ISC
// A screen on the page: its rows, and the cursor over them.
import {widthOf} from "./row.js";
import {Rows} from "./paint.js";
import {cellText} from "./text.js";

const SHAPES = ["block", "underline", "bar"];

export class ScreenView {
	constructor(container, cursor) {
		this.container = container;
		this.cursor = cursor;
		this.rows = new Rows(container.querySelector(".lines"));
		this.screen = null;
	}

	// Returns the indexes of rows that have changed.
	paint(screen) {
		if (this.screen?.cols !== screen.cols)
			this.container.style.setProperty("--cols", screen.cols);
		if (this.screen?.reverse !== screen.reverse)
			this.container.classList.toggle("reversed", screen.reverse);
		const changed = this.rows.paint(screen.row, screen.reverse);

		this.paintCursor(screen);
		this.screen = screen;
		return changed;
	}

	paintCursor({cursor, row}) {
		const {row: at, col, shape, blink, visible} = cursor;
		const glyph = row[at].glyph(col);
		const left = widthOf(glyph) === 0 && col > 0 ? col - 1 : col; // on a wide one's right half
		const wide = widthOf(row[at].glyph(left)) === 2;
		const classes = `${SHAPES[shape]}${wide ? " wide" : ""}`;
		const key = [at, left, classes, blink, visible, cellText(row[at], left)].join();

		if (this.cursorKey === key)
			return;
		this.cursorKey = key;
		this.cursor.hidden = !visible;
		this.cursor.dataset.glyph = cellText(row[at], left);
		this.cursor.style.left = `calc(${left}*var(--w))`;
		this.cursor.style.top = `calc(${at}*var(--lh))`;
		this.blinks = !this.blinks; // the other name begins to blink anew
		this.cursor.className = blink ? `${classes} ${this.blinks ? "blink" : "again"}` : classes;
	}
}
