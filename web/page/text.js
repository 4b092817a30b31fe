// SPDX-License-Identifier: ISC
// Rows as text: what a cell shows, what is copied and searched, and the links in it.
import {codeOf} from "./row.js";

const REPLACEMENT = "\ufffd";
// What is invisible or reorders text is made visible; a soft hyphen in a cell of its own is one.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{M}\u115f\u1160\u3164\uffa0]/u;
// Marks that are not accents: joiners and selectors only matter to the font, the others hide text.
const HOSTILE = /[\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\u{e0000}-\u{e00ff}]/u;

const shown = new Map(); // of a code point that is not ASCII

function show(cp) {
	let text = shown.get(cp);

	if (text === undefined) {
		text = cp === 0xad ? "-" : String.fromCodePoint(cp);
		if (UNSEEN.test(text))
			text = REPLACEMENT;
		shown.set(cp, text);
	}
	return text;
}

// The text of the glyph at a column, marks and all; nothing for the right half of a wide one.
export function cellText(row, col) {
	const cp = codeOf(row.glyph(col));
	const marks = row.marks?.get(col);

	if (marks !== undefined)
		return HOSTILE.test(marks) ? REPLACEMENT : show(cp) + marks;
	return cp === 0 ? "" : cp < 0x7f ? String.fromCharCode(cp) : show(cp);
}

const texts = new WeakMap();

// Its text without the blanks at the end, and the column of each UTF-16 unit in it (null: the same).
export function rowText(row) {
	let known = texts.get(row);

	if (known === undefined) {
		const end = row.used();
		const cols = [];
		let text = "", plain = true;

		for (let col = 0; col < end; col++) {
			const part = cellText(row, col);

			for (let i = 0; i < part.length; i++)
				cols.push(col);
			plain &&= part.length === 1;
			text += part;
		}
		known = {text, cols: plain ? null : cols, used: end};
		texts.set(row, known);
	}
	return known;
}

// The column of an offset in a row's text.
export const colOf = ({cols, used}, at) => cols === null ? Math.min(at, used) : cols[at] ?? used;

// Rows as text: lines that run on in the next row are joined, empty ones stay.
export const joinRows = (rows) => Array.from(linesOf(rows, Infinity), ({text}) => text).join("\n");

// ---- Links -----------------------------------------------------------------------------------------

const LINK = /\bhttps?:\/\/[\w.~:/?#[\]@!$&()*+,;=%-]+/gi;
const LINE_ROWS_MAX = 32; // of one wrapped line that are searched
const LINK_MAX = 2048;

// Without what rather ends the sentence than the address.
function trimLink(text) {
	for (;;) {
		const last = text.at(-1);
		const open = {")": "(", "]": "["}[last];

		if (open === undefined ? !".,;:!?*".includes(last)
			: text.split(open).length >= text.split(last).length)
			return text;
		text = text.slice(0, -1);
	}
}

function targetOf(text) {
	try {
		const url = new URL(text);

		return (url.protocol === "http:" || url.protocol === "https:") && url.hostname &&
			url.href.length <= LINK_MAX ? url.href : null;
	} catch {
		return null;
	}
}

// Lines of text as they were printed: of each the rows that it runs over, and where in the text each of
// these begins.
export function* linesOf(rows, rowsMax = LINE_ROWS_MAX) {
	for (let first = 0; first < rows.length; ) {
		const starts = [];
		let end = first, text = "", row;

		do {
			row = rows[end++];
			starts.push(text.length);
			text += rowText(row).text;
			if (row.wrapped && end < rows.length)
				text += " ".repeat(Math.max(row.cols - colOf(rowText(row), Infinity), 0));
		} while (row.wrapped && end < rows.length && starts.length < rowsMax);
		yield {first, count: end - first, text, starts};
		first = end;
	}
}

// The part of each row that is in [from, to) of a line: calls each(row, from, to), offsets in its text.
export function eachPart(line, from, to, each) {
	line.starts.forEach((start, i) => {
		const end = line.starts[i + 1] ?? line.text.length;

		if (Math.max(from, start) < Math.min(to, end))
			each(line.first + i, Math.max(from, start) - start, Math.min(to, end) - start);
	});
}

const plain = new WeakSet(); // rows that are a line without a link

// The links in each of the rows: [{from, to (columns), href}], or nothing.
export function findLinks(rows) {
	const links = [];

	for (const line of linesOf(rows)) {
		const row = rows[line.first];

		if (line.count === 1 && plain.has(row))
			continue;
		for (const match of line.text.matchAll(LINK)) {
			const text = trimLink(match[0]);
			const href = targetOf(text);

			if (href === null)
				continue;
			eachPart(line, match.index, match.index + text.length, (i, from, to) => {
				const known = rowText(rows[i]);

				(links[i] ??= []).push({from: colOf(known, from), to: colOf(known, to - 1) + 1, href});
			});
		}
		if (line.count === 1 && links[line.first] === undefined)
			plain.add(row);
	}
	return links;
}
