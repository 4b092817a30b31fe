// SPDX-License-Identifier: ISC
// The runs of a row: what becomes one element each, with its text, its classes and its style. Most are
// cells of one look. Where nearly each cell has colours of its own, as in pictures, a few cells are one
// run, striped by gradients that have a step where the next cell begins.
import {hex, indexOf, inkOn, inkOnDefault, readable, theme, valueOf} from "./colours.js";
import {drawn, isUniform, placeOf} from "./glyphs.js";
import {BLINK, BOLD, CELL, CONCEAL, FAINT, ITALIC, OVERLINE, REVERSE, STRIKE, UNDERLINE_SHIFT, codeOf,
	widthOf} from "./row.js";
import {cellText} from "./text.js";

const MANY = 64; // looks in a row from which on it is striped
const STRIPE = 8; // cells: as many steps as GPUs draw without a texture

// ---- Looks -----------------------------------------------------------------------------------------

const ATTR_CLASSES = [[BOLD, " B"], [FAINT, " F"], [ITALIC, " I"], [BLINK, " K"], [CONCEAL, " C"],
	[STRIKE, " S"], [OVERLINE, " O"]];

// The colours of cells of one style: `ink` and `paper` as 0xRRGGBB; a paper of -1 is that of the screen.
function lookOf(fg, bg, ul, attrs, reversed) {
	const swap = ((attrs & REVERSE) !== 0) !== reversed;
	const asked = swap ? bg : fg, on = swap ? fg : bg; // 0: left to us
	const ours = swap ? theme.bg : theme.fg, other = swap ? theme.fg : theme.bg;
	let ink = ours, paper = swap === reversed ? -1 : other;

	if (on !== 0) {
		paper = valueOf(on);
		ink = asked === 0 ? readable(ours, other, paper) : inkOn(valueOf(asked), paper);
	} else if (asked !== 0 && swap) {
		ink = valueOf(asked);
		paper = readable(other, ours, ink);
	} else if (asked !== 0) {
		ink = indexOf(asked) >= 0 ? theme.inks[indexOf(asked)] : inkOnDefault(valueOf(asked));
	}
	return {ink, paper, asked, on, ul, attrs, reversed, alone: asked !== 0 && on === 0 && !swap, dress: null};
}

// A colour as a class, if the theme has it, or else as a style.
function colourInto(dress, prefix, property, colour, value) {
	const index = indexOf(colour);

	if (value === (prefix === "i" ? theme.inks : theme.standard)[index])
		dress.cls += ` ${prefix}${index}`;
	else if (value === theme.fg || value === theme.bg)
		dress.cls += value === theme.fg ? ` ${prefix}n` : ` ${prefix}d`;
	else
		dress.css += `${property}:${hex(value)};`;
}

// Its classes and style.
function dressOf({ink, paper, asked, on, ul, attrs, reversed, alone}) {
	const dress = {cls: "", css: ""};

	if (asked !== 0 || ink !== (reversed ? theme.bg : theme.fg))
		colourInto(dress, alone ? "i" : "f", "color", asked, ink);
	if (paper >= 0) {
		dress.cls += " b";
		colourInto(dress, "b", "background-color", on, paper);
	}
	if (attrs & ~REVERSE) {
		for (const [bit, name] of ATTR_CLASSES)
			if (attrs & bit)
				dress.cls += name;
		if (attrs >> UNDERLINE_SHIFT)
			dress.cls += ` u${attrs >> UNDERLINE_SHIFT}`;
	}
	if (ul !== 0 && attrs >> UNDERLINE_SHIFT)
		dress.css += `text-decoration-color:${hex(valueOf(ul))};`;
	return dress;
}

// ---- Stripes ---------------------------------------------------------------------------------------

const sameStyle = (cells, a, b) => cells[a + 1] === cells[b + 1] && cells[a + 2] === cells[b + 2] &&
	cells[a + 3] === cells[b + 3] && cells[a + 4] === cells[b + 4];

function isMany(row, end) {
	const {cells} = row;
	let count = 0;

	if (end < MANY * CELL)
		return false;
	for (let at = CELL; at < end; at += CELL)
		count += !sameStyle(cells, at - CELL, at);
	return count >= MANY;
}

// What decorates text goes by its one colour.
const isPlainStyle = (attrs) => (attrs & ~(REVERSE | BOLD | ITALIC)) === 0;

function gradient(run, what) {
	let steps = "", to = 0;

	run.looks.forEach((look, i) => {
		to += run.widths[i];
		if (look[what] !== run.looks[i + 1]?.[what])
			steps += `,${look[what] < 0 ? "#0000" : hex(look[what])} 0 ${to / run.cols * 100}%`;
	});
	return `linear-gradient(90deg${steps})`;
}

// With the colours of all its looks.
function stripe(run) {
	const inks = gradient(run, "ink"), papers = gradient(run, "paper");

	run.cls = (run.attrs & BOLD ? " B" : "") + (run.attrs & ITALIC ? " I" : "") + (run.box ? " x t" : " m");
	run.css = run.box ? `background:${inks} ${placeOf(run.kind)} no-repeat,${papers};`
		: `background-image:${inks},${papers};`;
}

// With those of the only one.
function plain(run) {
	const [look] = run.looks;
	const {cls, css} = look.dress ??= dressOf(look);

	run.cls = run.box ? `${cls} x${run.art && !(run.attrs & CONCEAL) ? ` t ${run.art}` : ""}` : cls;
	run.css = css;
}

// ---- Runs ------------------------------------------------------------------------------------------

const PLAIN = 0; // a run of ASCII
const ALONE = -1; // a box of its own; else the code point that the box repeats

function begin(row, col, kind, look, href) {
	const glyph = row.glyph(col), cols = widthOf(glyph);
	const art = kind !== PLAIN && cols === 1 && !row.marks?.has(col) ? drawn(codeOf(glyph)) : "";

	return {text: cellText(row, col), cols, cls: "", css: "", href, box: kind !== PLAIN, art, kind,
		attrs: look.attrs & ~REVERSE, looks: [look], widths: [cols]};
}

// Whether the cells that come next can be a stripe of the run, which has the same kind.
function takes(run, attrs) {
	return run.cols < STRIPE && isPlainStyle(attrs) && (attrs & ~REVERSE) === run.attrs &&
		(run.kind === PLAIN || placeOf(run.kind) !== "");
}

// {text, cols, cls, css, href, box}: a link of the program's own goes before one that was found in the text.
export function runsOf(row, reversed, links) {
	const {cells} = row;
	const end = row.used() * CELL, many = isMany(row, end);
	const runs = [];
	let run = null, style = 0, look = null, link = 0;

	for (let at = 0, col = 0; at < end; at += CELL, col++) {
		const glyph = cells[at], cp = codeOf(glyph), width = widthOf(glyph);

		if (width === 0)
			continue;
		while (links && link < links.length && links[link].to <= col)
			link++;
		const found = links && link < links.length && links[link].from <= col ? links[link].href : "";
		const href = row.links?.get(col) ?? found;
		const bare = width === 1 && !row.marks?.has(col);
		const kind = bare && cp < 0x7f ? PLAIN : bare && isUniform(cp) ? cp : ALONE;
		const same = look !== null && sameStyle(cells, at, style);

		if (!same)
			look = lookOf(cells[at + 1], cells[at + 2], cells[at + 3], cells[at + 4], reversed);
		style = at;
		if (run === null || kind !== run.kind || kind === ALONE || run.href !== href ||
				!(same && (run.looks.length === 1 || run.cols < STRIPE)) &&
				!(many && href === "" && takes(run, cells[at + 4]))) {
			runs.push(run = begin(row, col, kind, look, href));
			continue;
		}
		if (!same) {
			run.looks.push(look);
			run.widths.push(0);
		}
		run.text += kind === PLAIN ? String.fromCharCode(cp) : String.fromCodePoint(cp);
		run.cols++;
		run.widths[run.widths.length - 1]++;
	}
	runs.forEach((one) => one.looks.length > 1 ? stripe(one) : plain(one));
	return runs;
}
