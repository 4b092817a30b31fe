// SPDX-License-Identifier: ISC
// Rows on the page: each a <div>, its runs of one style <span>s, or <a>s where there is a link. Whatever is
// not plain ASCII stands in a box as wide as its columns, so that no font can shift what follows it.
//
// What is already there is kept: rows that scroll keep their element (and with it what is selected), and
// of a row that changed only the runs that did.
import {takeTheme} from "./colours.js";
import {runsOf} from "./runs.js";
import {findLinks} from "./text.js";

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

// A row that is shown: {element, row, links, looks, runs}; `looks` says what else its runs go by.
function makeLine() {
	const element = document.createElement("div");

	element.className = "r";
	return {element, row: null, links: undefined, looks: "", runs: []};
}

function paintLine(line, row, links, reversed, looks) {
	if (line.row === row && line.looks === looks && sameLinks(line.links, links))
		return false;
	const runs = runsOf(row, reversed, links);

	patch(line.element, line.runs, runs);
	Object.assign(line, {row, links, looks, runs});
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
		const looks = `${takeTheme()} ${reversed}`;
		const changed = [];

		if (rows.length !== this.lines.length || rows.some((row, i) => row !== this.lines[i].row))
			this.place(rows);
		this.lines.forEach((line, i) => {
			if (paintLine(line, rows[i], links[i], reversed, looks))
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
