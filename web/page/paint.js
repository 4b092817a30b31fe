// SPDX-License-Identifier: ISC
// Rows on the page: each a <div>, its runs of one style <span>s, or <a>s where there is a link. Whatever is
// not plain ASCII stands in a box as wide as its columns, so that no font can shift what follows it.
//
// What is already there is kept: rows that scroll keep their element (and with it what is selected), and
// of a row that changed only the runs that did.
import {BLINK, BOLD, CELL, CONCEAL, FAINT, ITALIC, OVERLINE, REVERSE, STRIKE, UNDERLINE_SHIFT, codeOf,
	widthOf} from "./row.js";
import {drawn, isUniform} from "./glyphs.js";
import {cellText, findLinks} from "./text.js";

// ---- Looks -----------------------------------------------------------------------------------------

const CUBE = [0, 95, 135, 175, 215, 255];

function indexedColour(n) {
	if (n >= 232)
		return `rgb(${8 + (n - 232) * 10} ${8 + (n - 232) * 10} ${8 + (n - 232) * 10})`;
	n -= 16;
	return `rgb(${CUBE[Math.trunc(n / 36)]} ${CUBE[Math.trunc(n / 6) % 6]} ${CUBE[n % 6]})`;
}

const PALETTE = Array.from({length: 256}, (_, n) => n < 16 ? `var(--p${n})` : indexedColour(n));

// As a value in CSS; of a default one there is none.
const cssColour = (colour) => colour >>> 24 === 1 ? PALETTE[colour & 0xff]
	: `#${(colour & 0xffffff).toString(16).padStart(6, "0")}`;

// The class of a colour that belongs to the theme ("": the default), or null.
const themeClass = (prefix, colour) => colour === 0 ? ""
	: colour >>> 24 === 1 && (colour & 0xff) < 16 ? ` ${prefix}${colour & 0xff}` : null;

const ATTR_CLASSES = [[BOLD, " B"], [FAINT, " F"], [ITALIC, " I"], [BLINK, " K"], [CONCEAL, " C"],
	[STRIKE, " S"], [OVERLINE, " O"]];

// The classes and the styles of their own that cells of one style have.
function lookOf(fg, bg, ul, attrs, reversed) {
	const swap = ((attrs & REVERSE) !== 0) !== reversed;
	const ink = swap ? bg : fg, paper = swap ? fg : bg;
	let cls = "", css = "";

	if (ink === 0 && swap)
		cls += " fd";
	else
		cls += themeClass("f", ink) ?? "";
	if (paper === 0 && swap)
		cls += " b bd";
	else if (paper !== 0)
		cls += ` b${themeClass("b", paper) ?? ""}`;
	if (themeClass("f", ink) === null)
		css += `color:${cssColour(ink)};`;
	if (themeClass("b", paper) === null)
		css += `background-color:${cssColour(paper)};`;
	if (attrs & ~REVERSE) {
		for (const [bit, name] of ATTR_CLASSES)
			if (attrs & bit)
				cls += name;
		if (attrs >> UNDERLINE_SHIFT)
			cls += ` u${attrs >> UNDERLINE_SHIFT}`;
	}
	if (ul !== 0 && attrs >> UNDERLINE_SHIFT)
		css += `text-decoration-color:${cssColour(ul)};`;
	return {cls, css};
}

const PLAIN = 0; // a run of ASCII
const ALONE = -1; // a box of its own; else the code point that the box repeats

// The runs of a row: {text, cols, cls, css, href}. A link of the program's own goes before one that was
// found in the text.
function runsOf(row, reversed, links) {
	const {cells} = row;
	const end = row.used() * CELL;
	const runs = [];
	let run = null, style = 0, kind = ALONE, look = null, link = 0;

	for (let at = 0, col = 0; at < end; at += CELL, col++) {
		const glyph = cells[at], cp = codeOf(glyph), width = widthOf(glyph);

		if (width === 0)
			continue;
		while (links && link < links.length && links[link].to <= col)
			link++;
		const found = links && link < links.length && links[link].from <= col ? links[link].href : "";
		const href = row.links?.get(col) ?? found;
		const bare = width === 1 && !row.marks?.has(col);
		const now = bare && cp < 0x7f ? PLAIN : bare && isUniform(cp) ? cp : ALONE;
		const same = look !== null && cells[at + 1] === cells[style + 1] &&
			cells[at + 2] === cells[style + 2] && cells[at + 3] === cells[style + 3] &&
			cells[at + 4] === cells[style + 4];

		if (run !== null && same && now === kind && now !== ALONE && run.href === href) {
			run.text += now === PLAIN ? String.fromCharCode(cp) : String.fromCodePoint(cp);
			run.cols++;
			continue;
		}
		if (!same)
			look = lookOf(cells[at + 1], cells[at + 2], cells[at + 3], cells[at + 4], reversed);
		style = at;
		kind = now;
		run = {text: cellText(row, col), cols: width, cls: look.cls, css: look.css, href, box: now !== PLAIN};
		if (run.box) {
			const art = bare ? drawn(cp) : "";

			run.cls += art && !(cells[at + 4] & CONCEAL) ? ` x t ${art}` : " x";
		}
		runs.push(run);
	}
	return runs;
}

// ---- Elements --------------------------------------------------------------------------------------

function dress(element, run, old) {
	const css = run.box && run.cols > 1 ? `${run.css}width:calc(${run.cols}*var(--w))` : run.css;

	if (old === null || old.text !== run.text)
		element.firstChild.data = run.text;
	if (old === null ? run.cls !== "" : old.cls !== run.cls)
		element.className = run.cls;
	if (old === null ? css !== "" : old.style !== css)
		element.style.cssText = css;
	if (run.href && old?.href !== run.href) {
		element.href = element.title = run.href;
		element.target = "_blank";
		element.rel = "noopener noreferrer";
		element.referrerPolicy = "no-referrer";
	}
	run.style = css;
}

function make(run) {
	const element = document.createElement(run.href ? "a" : "span");

	element.append("");
	dress(element, run, null);
	return element;
}

const sameRun = (a, b) => a.text === b.text && a.cls === b.cls && a.css === b.css && a.href === b.href &&
	a.cols === b.cols;

// Brings the elements of a row to `runs`; those at both ends that are the same are not touched.
function patch(element, old, runs) {
	let head = 0, tail = 0;

	while (head < old.length && head < runs.length && sameRun(old[head], runs[head])) {
		runs[head].style = old[head].style;
		head++;
	}
	while (tail < old.length - head && tail < runs.length - head &&
			sameRun(old[old.length - 1 - tail], runs[runs.length - 1 - tail])) {
		runs[runs.length - 1 - tail].style = old[old.length - 1 - tail].style;
		tail++;
	}
	let at = element.childNodes[head] ?? null;

	for (let i = head; i < runs.length - tail; i++) {
		const was = i < old.length - tail ? old[i] : null;
		const run = runs[i];

		if (was !== null && !was.href === !run.href) {
			dress(at, run, was);
			at = at.nextSibling;
		} else {
			const made = make(run);

			if (was !== null) {
				at.replaceWith(made);
				at = made.nextSibling;
			} else {
				element.insertBefore(made, at);
			}
		}
	}
	for (let i = runs.length - tail; i < old.length - tail; i++) {
		const next = at.nextSibling;

		at.remove();
		at = next;
	}
}

const sameLinks = (a, b) => a === b || (a !== undefined && b !== undefined && a.length === b.length &&
	a.every((link, i) => link.from === b[i].from && link.to === b[i].to && link.href === b[i].href));

// A row that is shown: {element, row, links, reversed, runs}.
function makeLine() {
	const element = document.createElement("div");

	element.className = "r";
	return {element, row: null, links: undefined, reversed: false, runs: []};
}

function paintLine(line, row, links, reversed) {
	if (line.row === row && line.reversed === reversed && sameLinks(line.links, links))
		return false;
	const runs = runsOf(row, reversed, links);

	patch(line.element, line.runs, runs);
	Object.assign(line, {row, links, reversed, runs});
	return true;
}

// ---- Painting --------------------------------------------------------------------------------------

// The longest rising sequence of the numbers that are not negative; the others become -1.
function rising(numbers) {
	const ends = []; // indexes: of the last number of the best sequence of each length
	const before = [];

	numbers.forEach((number, i) => {
		let low = 0, high = ends.length;

		if (number < 0)
			return;
		while (low < high) {
			const mid = low + high >> 1;

			if (numbers[ends[mid]] < number)
				low = mid + 1;
			else
				high = mid;
		}
		before[i] = ends[low - 1];
		ends[low] = i;
	});
	const kept = numbers.map(() => -1);

	for (let i = ends.at(-1); i !== undefined; i = before[i])
		kept[i] = numbers[i];
	return kept;
}

// For each of the new rows the index of the line whose element shows it and keeps its place among the
// others (the same row, or one that is to be changed), or -1.
function keepPlaces(lines, rows) {
	const at = new Map(); // -1: more than one shows this row
	lines.forEach((line, i) => at.set(line.row, at.has(line.row) ? -1 : i));
	const kept = rising(rows.map((row) => at.get(row) ?? -1));
	const next = new Array(rows.length);

	for (let i = rows.length - 1, after = lines.length; i >= 0; i--) {
		next[i] = after;
		if (kept[i] >= 0)
			after = kept[i];
	}
	for (let i = 0, last = -1, shift = 0; i < rows.length; i++) {
		if (kept[i] < 0) {
			const fits = (place) => place > last && place < next[i];
			const same = (place) => fits(place) && lines[place].row === rows[i];

			kept[i] = same(i + shift) ? i + shift : fits(i) ? i : -1;
		}
		if (kept[i] >= 0) {
			last = kept[i];
			shift = last - i;
		}
	}
	return kept;
}

// Rows in a container, from top to bottom.
export class Rows {
	constructor(container) {
		this.container = container;
		this.lines = [];
	}

	// Returns the indexes of those that have changed.
	paint(rows, reversed) {
		const links = findLinks(rows);
		const changed = [];

		if (rows.length !== this.lines.length || rows.some((row, i) => row !== this.lines[i].row))
			this.place(rows);
		this.lines.forEach((line, i) => {
			if (paintLine(line, rows[i], links[i], reversed))
				changed.push(i);
		});
		return changed;
	}

	// An element for each row, in order: those that stay are stepped over, the others put between them.
	place(rows) {
		const kept = keepPlaces(this.lines, rows);
		const used = new Set(kept);
		const spare = this.lines.filter((_, i) => !used.has(i));
		let at = this.container.firstChild;

		this.lines = kept.map((place) => {
			if (place < 0) {
				const line = spare.shift() ?? makeLine();

				if (line.element === at)
					at = at.nextSibling;
				this.container.insertBefore(line.element, at);
				return line;
			}
			at = this.lines[place].element.nextSibling;
			return this.lines[place];
		});
		for (const line of spare)
			line.element.remove();
	}
}
