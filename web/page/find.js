// SPDX-License-Identifier: ISC
// Searching in the rows on the page and copying from them. Both go by lines as they were printed, not by
// rows: a line that was wrapped is found and copied as one.
import {eachPart, joinRows, linesOf, rowText} from "./text.js";

// The point in a row's element that is `offset` into its text.
function pointAt(element, offset) {
	for (const child of element.children) {
		const {length} = child.firstChild.data;

		if (offset <= length)
			return [child.firstChild, offset];
		offset -= length;
	}
	return [element, element.childNodes.length];
}

function rangeIn(element, from, to) {
	const range = document.createRange();

	range.setStart(...pointAt(element, from));
	range.setEnd(...pointAt(element, to));
	return range;
}

// ---- Searching -------------------------------------------------------------------------------------

export class Finder {
	// `lines()` gives what is shown, from top to bottom: [{element, row}].
	constructor(lines) {
		this.lines = lines;
		this.needle = "";
		this.matches = []; // of ranges: a match may run over rows
		this.at = -1;
	}

	find(needle) {
		this.needle = needle.toLowerCase();
		this.update();
		this.at = this.matches.length - 1; // the newest
		this.mark();
	}

	// After a change: the same search in what is shown now.
	update() {
		const shown = this.needle ? this.lines() : [];

		this.matches = [];
		for (const line of linesOf(shown.map(({row}) => row))) {
			const text = line.text.toLowerCase();
			const folded = text.length === line.text.length ? text : line.text;

			for (let at = -1; (at = folded.indexOf(this.needle, at + 1)) >= 0; ) {
				const ranges = [];

				eachPart(line, at, at + this.needle.length,
					(i, from, to) => ranges.push(rangeIn(shown[i].element, from, to)));
				if (ranges.length > 0)
					this.matches.push(ranges);
			}
		}
		this.at = Math.min(this.at, this.matches.length - 1);
		this.mark();
	}

	mark() {
		if (!globalThis.CSS?.highlights)
			return;
		CSS.highlights.set("found", new Highlight(...this.matches.flat()));
		CSS.highlights.set("current", new Highlight(...(this.matches[this.at] ?? [])));
	}

	step(by) {
		const count = this.matches.length;

		if (count === 0)
			return;
		this.at = (this.at + by + count) % count;
		this.mark();
		this.matches[this.at][0].startContainer.parentElement
			.scrollIntoView({block: "nearest", inline: "nearest"});
	}

	get summary() {
		return this.needle === "" ? "" : this.matches.length === 0 ? "none"
			: `${this.at + 1} of ${this.matches.length}`;
	}
}

// ---- Copying ---------------------------------------------------------------------------------------

// How far into the text of a row's element a point of a range is.
function offsetOf(element, node, offset) {
	const range = document.createRange();

	range.selectNodeContents(element);
	range.setEnd(node, offset);
	return range.toString().length;
}

// What is selected, as it was printed: blank lines stay, wrapped ones are joined. "" if nothing is.
export function selectedText(selection, lines) {
	if (selection.rangeCount === 0 || selection.isCollapsed)
		return "";
	const range = selection.getRangeAt(0);
	const within = lines.filter(({element}) => range.intersectsNode(element));

	if (within.length === 0)
		return "";
	const first = within[0], last = within.at(-1);
	const whole = Array.from(linesOf(within.map(({row}) => row), Infinity));
	const texts = whole.map(({text}) => text);
	const startsIn = first.element.contains(range.startContainer);
	const endsIn = last.element.contains(range.endContainer);

	if (endsIn)
		texts.push(texts.pop().slice(0, whole.at(-1).starts.at(-1) +
			offsetOf(last.element, range.endContainer, range.endOffset)));
	if (startsIn)
		texts[0] = texts[0].slice(offsetOf(first.element, range.startContainer, range.startOffset));
	return texts.join("\n");
}

export async function copyRows(rows) {
	const text = joinRows(rows).replace(/\n+$/, "\n");

	try {
		await navigator.clipboard.writeText(text);
	} catch {
		const put = (event) => {
			event.clipboardData.setData("text/plain", text);
			event.preventDefault();
			event.stopImmediatePropagation();
		};
		addEventListener("copy", put, {capture: true, once: true});
		document.execCommand("copy");
		removeEventListener("copy", put, {capture: true});
	}
}

// What a change says: the text of the last rows that changed and have any.
export const summaryOf = (rows, changed, most) => changed.map((i) => rowText(rows[i]).text.trim())
	.filter((text) => /[\p{L}\p{N}]/u.test(text)).slice(-most).join("\n");
