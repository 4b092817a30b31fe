// SPDX-License-Identifier: ISC
// Runs parts of the page for test_page.py: applies frames, paints, and reads every cell back from the
// document (computed style, and geometry of the text) to compare it with what the server has. What is
// expected here is written from the man page's JSON and the page's documentation, not from paint.js.
import {Fit} from "./fit.js";
import {applyFrame} from "./frame.js";
import {RoundTrip} from "./link.js";
import {Row, Screen, codeOf, widthOf} from "./row.js";
import {ScreenView} from "./screen.js";

const view = document.getElementById("view");
const stage = document.getElementById("stage");
const container = document.querySelector(".rows");
const fit = new Fit(view, stage);
const shown = new ScreenView(container, document.getElementById("cursor"));

const fromHex = (hex) => Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => parseInt(pair, 16));

function paint(screen) {
	fit.apply(screen.rows, screen.cols);
	return shown.paint(screen);
}

// ---- A decoded screen as `mirrord render --format=json` has it ----------------------------------------

const ATTRS = ["bold", "faint", "italic", "blink", "reverse", "conceal", "strike", "overline"];
const UNDERLINES = ["", "underline", "double", "curly", "dotted", "dashed"];

const colour = (value) => value >>> 24 === 1 ? value & 0xff
	: value >>> 24 === 2 ? `#${(value & 0xffffff).toString(16).padStart(6, "0")}` : undefined;

function cellsOf(screen) {
	return screen.row.map((row) => {
		const cells = [];

		for (let col = 0; col < row.cols; col++) {
			const [glyph, fg, bg, ul, attrs] = row.cells.subarray(col * 5, col * 5 + 5);
			const names = ATTRS.filter((_, bit) => attrs & 1 << bit);

			if (attrs >> 8)
				names.push(UNDERLINES[attrs >> 8]);
			if (glyph !== 0)
				cells.push({col, width: widthOf(glyph),
					text: String.fromCodePoint(codeOf(glyph)) + row.marksAt(col),
					fg: colour(fg), bg: colour(bg), ul: colour(ul), attrs: names,
					href: row.links?.get(col)});
		}
		return cells;
	});
}

// The cells of a screen in that JSON; rows are filled with blanks.
function cellsOfJson(json) {
	return json.screen.map(({runs}) => {
		const cells = [];
		let col = 0;
		const blank = () => cells.push({col: col++, width: 1, text: " ", attrs: []});

		for (const run of runs) {
			const texts = run.marks ? [run.text] : [...run.text];

			while (col < run.col)
				blank();
			for (const text of texts) {
				cells.push({col, width: run.width, text, fg: run.fg, bg: run.bg, ul: run.ul,
					attrs: run.attrs ?? [], href: run.href});
				col += run.width;
			}
		}
		while (col < json.cols)
			blank();
		return cells;
	});
}

const sorted = (_, value) => value?.constructor === Object
	? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)) : value;
const same = (a, b) => JSON.stringify(a, sorted) === JSON.stringify(b, sorted);

// How a decoded screen differs from the JSON, or "".
export function differs(screen, json) {
	const shapes = ["block", "underline", "bar"];
	const {row, col, visible, shape, blink, wrap} = screen.cursor;
	const meta = {rows: screen.rows, cols: screen.cols, title: screen.title, alt: screen.alt,
		reverse: screen.reverse, wrapped: screen.row.map((line) => line.wrapped),
		cursor: {row, col, visible, shape: shapes[shape], blink, pending_wrap: wrap}};
	const wanted = {rows: json.rows, cols: json.cols, title: json.title, alt: json.alt,
		reverse: json.reverse, wrapped: json.screen.map((line) => line.wrapped), cursor: json.cursor};

	if (!same(meta, wanted))
		return `${JSON.stringify(meta)} instead of ${JSON.stringify(wanted)}`;
	const got = cellsOf(screen), want = cellsOfJson(json);
	for (let i = 0; i < want.length; i++)
		for (let k = 0; k < want[i].length; k++)
			if (!same(got[i][k], want[i][k]))
				return `row ${i}: ${JSON.stringify(got[i][k])} instead of ${JSON.stringify(want[i][k])}`;
	return "";
}

// Each golden vector that gives something else, with what it gave.
export function golden(vectors) {
	const made = new Map([[null, null]]);
	const wrong = [];

	for (const {name, base, frame, screen} of vectors) {
		let got = null, why = "";

		try {
			got = applyFrame(made.get(base), fromHex(frame));
		} catch (error) {
			why = error.constructor.name === "FrameError" ? "refused" : String(error);
		}
		made.set(name, got);
		const difference = screen === null ? (why === "refused" ? "" : why || "not refused")
			: why || differs(got, screen);
		if (difference)
			wrong.push(`${name}: ${difference}`);
	}
	return wrong;
}

// Applies frames to bases ([base, frame, wanted screen or null], in hexadecimal) and names those that lead
// to something else than wanted. `counts` says how many were applied and refused.
export function agree(cases) {
	const wrong = [];
	const counts = {applied: 0, refused: 0};

	for (const [base, frame, wanted] of cases) {
		let got = null;

		try {
			const from = base === "-" ? null : applyFrame(null, fromHex(base));

			got = applyFrame(from, fromHex(frame === "-" ? "" : frame));
			counts.applied++;
		} catch (error) {
			if (error.constructor.name !== "FrameError")
				wrong.push(`${base} ${frame}: ${error.stack}`);
			counts.refused++;
		}
		const difference = (got === null) !== (wanted === null) ? (got ? "applied" : "refused")
			: got && differs(got, wanted);
		if (difference)
			wrong.push(`${base} ${frame}: ${difference}`);
	}
	return {wrong, counts};
}

// ---- What the document shows ---------------------------------------------------------------------------

// Colours are [red, green, blue] here. What is left to the theme: web/README.md, "Colours".

const theme = getComputedStyle(document.documentElement);
const hex = (text) => [1, 3, 5].map((at) => parseInt(text.substr(at, 2), 16));
const themed = (name) => hex(theme.getPropertyValue(name).trim());
const LEVELS = [0, 95, 135, 175, 215, 255];
const WHITE = [255, 255, 255], BLACK = [0, 0, 0];

function rgb(value, palette) {
	if (typeof value === "string")
		return hex(value);
	if (value < 16)
		return themed(`--${palette}${value}`);
	if (value < 232)
		return [36, 6, 1].map((by) => LEVELS[Math.floor((value - 16) / by) % 6]);
	return [1, 1, 1].map(() => 8 + (value - 232) * 10);
}

// Relative luminance and contrast ratio, of WCAG 2.
function luminance(colour) {
	const [red, green, blue] = colour.map((value) => value / 255)
		.map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

	return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a, b) {
	const [low, high] = [luminance(a), luminance(b)].sort((one, other) => one - other);

	return (high + 0.05) / (low + 0.05);
}

const firstReadable = (on, ...colours) => colours.find((colour) => contrast(colour, on) >= 4.5);

// The colours of a cell's ink and paper.
function wantedColours({fg, bg, attrs}, reversed) {
	const swap = attrs.includes("reverse") !== reversed;
	const [ink, paper] = swap ? [bg, fg] : [fg, bg];
	const defaults = [themed("--fg"), themed("--bg")];
	const [ours, other] = swap ? defaults.reverse() : defaults;
	const [least, leastOn] = ["--least", "--least-on"].map((name) => Number(theme.getPropertyValue(name)));

	if (ink === undefined && paper === undefined)
		return [ours, other];
	if (ink === undefined)
		return [firstReadable(rgb(paper, "p"), ours, other, WHITE, BLACK), rgb(paper, "p")];
	if (paper !== undefined) {
		const on = rgb(paper, "p"), asked = rgb(ink, "p");

		return [contrast(asked, on) >= leastOn ? asked : firstReadable(on, WHITE, BLACK), on];
	}
	if (swap)
		return [rgb(ink, "p"), firstReadable(rgb(ink, "p"), other, ours, WHITE, BLACK)];
	return [contrast(rgb(ink, "i"), other) >= least ? rgb(ink, "i") : `${least} on ${other}`, other];
}

const STYLES = {underline: "solid", double: "double", curly: "wavy", dotted: "dotted", dashed: "dashed"};
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}\p{M}\u115f\u1160\u3164\uffa0]/u;
const HIDING = /[\p{Cc}\p{Cn}\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\u{e0000}-\u{e00ff}]/u;

function shownText(text) {
	const [first, ...marks] = text;

	if (HIDING.test(marks.join("")))
		return "\ufffd";
	return (first === "\u00ad" ? "-" : INVISIBLE.test(first) ? "\ufffd" : first) + marks.join("");
}

// How a cell should look, as far as one can see it.
function wantedLook(cell, reversed) {
	const [ink, paper] = wantedColours(cell, reversed).map(String);
	const underline = Object.keys(STYLES).find((name) => cell.attrs.includes(name));
	const has = (name) => cell.attrs.includes(name);

	return {text: shownText(cell.text), col: cell.col, width: cell.width, ink, paper,
		bold: has("bold"), italic: has("italic"), blink: has("blink"), conceal: has("conceal"), faint: has("faint"), strike: has("strike"), over: has("overline"),
		underline: underline ? STYLES[underline] : "none",
		ul: underline && cell.ul !== undefined ? String(rgb(cell.ul, "p")) : ""};
}

const numbers = (css) => css.match(/[\d.]+/g).map(Number);
const NONE = "rgba(0, 0, 0, 0)";
const paperOf = (css, reversed) => String(css === NONE ? themed(reversed ? "--fg" : "--bg") : numbers(css));

// The colour at a place, from 0 to 1, of a gradient that has nothing but steps.
function stepAt(gradient, place) {
	let from = null, to = 0;

	for (const [, colour, ...ends] of gradient.matchAll(/(rgba?\([^)]*\)) (\S+?%|0px)(?: (\S+?%|0px))?(?=,|$)/g))
		for (const end of ends.filter((text) => text !== undefined)) {
			to = Math.max(to, parseFloat(end));
			if (to >= place * 100)
				return from === null || from === colour ? colour : `no step: ${gradient}`;
			from = colour;
		}
	return `nothing at ${place}: ${gradient}`;
}

// The look of one of a striped element's cells.
function stripeAt({stripes, ...look}, place, reversed) {
	if (!stripes)
		return look;
	const [ink, paper] = stripes.map((gradient) => stepAt(gradient, place));

	return {...look, ink: String(numbers(ink)), paper: paperOf(paper, reversed)};
}

function lookOf(element, reversed) {
	const style = getComputedStyle(element);
	const fill = style.webkitTextFillColor;
	const classes = element.classList;
	const drawn = classes.contains("t") || classes.contains("m");
	const linked = element.localName === "a" && !/\bu\d\b/.test(element.className);
	const stripes = style.backgroundImage.startsWith("linear-gradient(90deg")
		? style.backgroundImage.match(/(?<=90deg, )(?:[^()]|\([^()]*\))*/g) : null;

	return {stripes, ink: String(numbers(style.color)), bold: Number(style.fontWeight) >= 600,
		italic: style.fontStyle === "italic",
		paper: paperOf(style.backgroundColor, reversed),
		blink: style.animationName === "blink", conceal: fill === NONE && !drawn,
		faint: drawn ? style.opacity !== "1" : fill !== style.color && fill !== NONE ||
			(fill === NONE && classes.contains("F")),
		strike: classes.contains("S") && style.backgroundImage !== "none",
		over: classes.contains("O") && style.backgroundImage !== "none",
		underline: linked || !style.textDecorationLine.includes("underline") ? "none"
			: style.textDecorationStyle,
		ul: !linked && style.textDecorationLine.includes("underline") &&
			style.textDecorationColor !== style.color ? String(numbers(style.textDecorationColor)) : ""};
}

// The cells of a row on the page: each with its text, look, and columns by its geometry.
function readRow(row, cols, reversed, left, width, cells) {
	const range = document.createRange();
	const put = (text, rect, look) => {
		const col = (rect.left - left) / width;

		cells.push({text, col: Math.round(col), off: Math.abs(col - Math.round(col)),
			width: rect.width / width, ...look});
	};

	for (const element of row.children) {
		const look = lookOf(element, reversed);
		const node = element.firstChild;

		if (element.classList.contains("x") && !/^([\u2500-\u259f])\1+$/.test(node.data)) {
			put(node.data, element.getBoundingClientRect(), stripeAt(look, 0.5, reversed));
			continue;
		}
		for (let at = 0; at < node.data.length; ) {
			const char = String.fromCodePoint(node.data.codePointAt(at));

			range.setStart(node, at);
			range.setEnd(node, at + char.length);
			put(char, range.getClientRects()[0], stripeAt(look, (at + 0.5) / node.data.length, reversed));
			at += char.length;
		}
	}
}

// Whether an ink has the contrast that is wanted in the place of its colour.
function isReadable(ink, wanted) {
	const [least, on] = wanted.split(" on ");

	return on !== undefined && contrast(numbers(ink), numbers(on)) >= Number(least);
}

// The first cell that is not where or how the server has it, or "". `json`: as of `mirrord dump`.
export function looksWrong(json) {
	const {left, top} = container.getBoundingClientRect();
	const width = fit.width, height = fit.height;
	const lines = container.querySelector(".lines").children;
	const want = cellsOfJson(json);

	if (lines.length !== json.rows)
		return `${lines.length} rows`;
	for (let i = 0; i < want.length; i++) {
		const got = [];
		let at = 0;

		if (Math.abs(lines[i].getBoundingClientRect().top - top - i * height) > 0.01)
			return `row ${i} is at ${lines[i].getBoundingClientRect().top}`;
		readRow(lines[i], json.cols, json.reverse, left, width, got);
		for (const cell of want[i]) {
			const look = wantedLook(cell, json.reverse);
			const found = got[at];

			if (found?.col !== cell.col) {
				const blank = cell.text === " " && cell.bg === undefined && cell.fg === undefined &&
					cell.attrs.length === 0;

				if (blank && at === got.length)
					continue;
				return `row ${i}: ${JSON.stringify(found)} instead of ${JSON.stringify(look)}`;
			}
			at++;
			const {off, width: columns, ...rest} = found;

			if (off > 0.05 || Math.abs(columns - cell.width) > 0.1)
				return `row ${i}: ${JSON.stringify(found)} is not in its columns`;
			for (const [name, value] of Object.entries(rest))
				if (value !== look[name] && !(name === "ink" && isReadable(value, look.ink)))
					return `row ${i} col ${cell.col} ${JSON.stringify(cell.text)}: ${name} ${value} ` +
						`instead of ${look[name]}`;
		}
		if (at !== got.length)
			return `row ${i}: more than there should be`;
	}
	return "";
}

// ---- Recordings ----------------------------------------------------------------------------------------

const settled = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

// Plays the samples at a path: every frame is applied, each `every`th painted; where the server's screen
// is known it is compared. Returns {frames, stops, cells, wrong}.
export async function play(path, every = 1) {
	const lines = (await (await fetch(path)).text()).trim().split("\n");
	const wrong = [];
	let screen = null, frames = 0, cells = 0;

	for (const [at, line] of lines.entries()) {
		const sample = JSON.parse(line);

		for (const frame of sample.frames) {
			screen = applyFrame(screen, fromHex(frame));
			if (frames++ % every === 0)
				paint(screen);
		}
		paint(screen);
		cells += screen.rows * screen.cols;
		compared = {screen, json: sample.screen};
		const difference = differs(screen, sample.screen) || looksWrong(sample.screen);
		if (difference)
			wrong.push(`stop ${at}: ${difference}`);
	}
	return {frames, stops: lines.length, cells, wrong};
}

// Shows a recording as it was at one of its stops.
export async function showStop(path, stop, theme) {
	const lines = (await (await fetch(path)).text()).trim().split("\n");
	let screen = null;

	document.documentElement.dataset.theme = theme;
	for (const line of lines.slice(0, stop + 1))
		for (const frame of JSON.parse(line).frames)
			screen = applyFrame(screen, fromHex(frame));
	paint(screen);
	shown.cursor.classList.remove("blink", "again");
	await settled();
}

// ---- How long it takes ---------------------------------------------------------------------------------

// A screen of 200x50 whose row i, col k is what make(i, k, version) says: [char, fg, bg].
function screenOf(make, version, base = null, only = null) {
	const screen = base ? base.copy(50, 200) : new Screen(50, 200);

	for (let i = 0; i < 50; i++) {
		if (only !== null && i !== only)
			continue;
		const row = new Row(200);

		for (let k = 0; k < 200; k++) {
			const [char, fg, bg] = make(i, k, version);

			row.set(k, 1 << 24 | char.codePointAt(0), fg, bg, 0, 0);
		}
		screen.row[i] = row;
	}
	return screen;
}

const LETTERS = "the quick brown fox jumps over the lazy dog 0123456789 ";
const letter = (i, k, version) => LETTERS[(i * 7 + k * 3 + version * 11 + (k * i) % 5) % LETTERS.length];
// As programs print: a new colour every twelve cells or so.
const usual = (i, k, version) => [letter(i, k, version),
	1 << 24 | ((k + version) / 12 + i) % 8 + (i % 3 ? 0 : 8), i % 5 ? 0 : 1 << 24 | 4];
const colourful = (i, k, version) => [letter(i, k, version), 2 << 24 | (i * 200 + k + version) * 331 & 0xffffff,
	2 << 24 | (i * 200 + k + version) * 7919 & 0xffffff];

// As pictures are printed: two pixels in each cell.
const picture = (i, k, version) => ["\u2580", ...colourful(i, k, version).slice(1)];

const KINDS = {
	full: (version) => screenOf(usual, version),
	row: (version, before) => screenOf(usual, version, before, 24),
	worst: (version) => screenOf(colourful, version),
	image: (version) => screenOf(picture, version),
};

// Milliseconds for each of `count` repaints, in order: [script, style and layout].
export async function measure(kind, count) {
	const times = [];
	let screen = KINDS.full(0);

	paint(screen);
	void container.offsetHeight;
	for (let version = 1; version <= count; version++) {
		screen = KINDS[kind](version, screen);
		await settled();
		const start = performance.now();
		paint(screen);
		const painted = performance.now();
		void container.offsetHeight; // brings style and layout up to date
		times.push([painted - start, performance.now() - painted]);
	}
	return times;
}

// The JSON of a screen that no server has.
const jsonOf = (screen) => ({rows: screen.rows, cols: screen.cols, reverse: screen.reverse,
	screen: cellsOf(screen).map((runs) => ({runs}))});

// Paints such a screen. Returns what looksWrong() says, how many elements rows have, where cells are on the
// page, and what they hold: [text, foreground, background].
export async function showKind(kind, version) {
	const screen = KINDS[kind](version, KINDS.full(0));

	compared = {screen, json: jsonOf(screen)};
	paint(screen);
	await settled();
	const {left, top} = container.getBoundingClientRect();
	return {wrong: check(), elements: container.querySelectorAll(".r *").length,
		left, top, width: fit.width, height: fit.height,
		cells: cellsOf(screen).map((row) => row.map(({text, fg, bg}) => [text, fg, bg]))};
}

// The colours of a picture in base64 at [x, y]s.
export async function pixels(base64, places) {
	const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
	const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
	const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", {willReadFrequently: true});

	canvas.drawImage(bitmap, 0, 0);
	const {data} = canvas.getImageData(0, 0, bitmap.width, bitmap.height);
	return places.map(([x, y]) => [...data.subarray(...[0, 3].map((at) =>
		(Math.floor(y) * bitmap.width + Math.floor(x)) * 4 + at))]);
}

// The contrast of ink and paper of cells in a theme: for each [fg, bg, attrs] of a cell.
export function contrasts(name, cells) {
	const screen = new Screen(cells.length, 2);

	document.documentElement.dataset.theme = name;
	screen.row = cells.map(([fg, bg, attrs]) => {
		const row = new Row(2);

		row.set(0, 1 << 24 | 0x78, fg, bg, 0, attrs);
		return row;
	});
	paint(screen);
	return [...container.querySelectorAll(".r")].map((row) => {
		const {ink, paper} = lookOf(row.firstChild, false);

		return contrast(...[ink, paper].map(numbers));
	});
}

// What a change of the screen does to the document: how many rows are written, and how many moved.
export async function touched(kind) {
	const before = KINDS.full(0);
	const after = kind === "row" ? screenOf(usual, 1, before, 24) : before.copy(50, 200);

	if (kind === "scroll") {
		after.row = before.row.slice(1, 40).concat(screenOf(usual, 1).row[7], before.row.slice(40));
	}
	paint(before);
	const lines = container.querySelector(".lines");
	const rows = new Set();
	const moved = new Set();
	const observer = new MutationObserver(() => {});

	observer.observe(lines, {childList: true, subtree: true, characterData: true, attributes: true});
	paint(after);
	for (const {target, addedNodes} of observer.takeRecords()) {
		if (target === lines)
			addedNodes.forEach((node) => moved.add(node));
		else
			rows.add((target.closest ? target : target.parentElement).closest(".r"));
	}
	observer.disconnect();
	return {rows: rows.size, moved: moved.size};
}

// The last screen that was compared, again; and painted from nothing.
let compared = null;
export const check = () => looksWrong(compared.json);
export function repaint() {
	shown.rows.lines = [];
	container.querySelector(".lines").replaceChildren();
	paint(compared.screen);
}

// Plays a recording's frames, one each time the browser paints. Returns {frames, works, gaps}: ms of all of
// them; keys that were pressed meanwhile and that arrived.
export async function playLive(path, times) {
	const samples = (await (await fetch(path)).text()).trim().split("\n").map((line) => JSON.parse(line));
	const frames = samples.flatMap(({frames: list}) => list).map(fromHex);
	const gaps = [], works = [];
	let screen = null, last = 0, at = 0;

	globalThis.keys = 0; // they may come later than it all takes
	document.onkeydown = () => keys++;
	await new Promise((resolve) => {
		const next = (now) => {
			const start = performance.now();

			if (last)
				gaps.push(now - last);
			last = now;
			screen = applyFrame(at % frames.length ? screen : null, frames[at % frames.length]);
			paint(screen);
			void container.offsetHeight;
			works.push(performance.now() - start);
			++at < frames.length * times ? requestAnimationFrame(next) : resolve();
		};
		requestAnimationFrame(next);
	});
	return {frames: works.length, works, gaps};
}

// What the page says the round trip is, after each of these answers.
export function roundTrips(answers) {
	const line = new RoundTrip();

	return answers.map((ms) => line.put(ms));
}

globalThis.harness = {agree, check, contrasts, golden, measure, pixels, play, playLive, repaint, roundTrips,
	showKind, showStop, touched};
