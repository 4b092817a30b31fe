// SPDX-License-Identifier: ISC
// Glyphs that have to join whatever the font: lines, blocks, sextants and the arrows of prompts are
// drawn as backgrounds of their box. The text stays in the page, transparent.
//
// fit.js sets the lengths in whole pixels: --l, --h a light and a heavy line; --cx, --cy where the light
// line in the middle begins, --hx, --hy the heavy one; --x1 to --x7, --y1 to --y7 eighths of the cell;
// --s1, --s2 thirds of its height.

const sheet = new CSSStyleSheet();
const known = new Map(); // code point: name of its class, or "" if the font draws it
const places = new Map();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

// U+2500 to U+257F: two bits each for the arm to the left, right, up and down: 1 light, 2 heavy, 3
// double; 00: none of these. After the characters' names.
const ARMS = "050a50a000000000000000004448848841428182141824281112212254586494" +
	"a46898a851526191a16292a24546494a8586898a1516191a2526292a5556595a" +
	"6595a5666996996a9aa6a9aa000000000ff04cc4cc43c1c31c343c1331335cf4" +
	"fc53f1f34fc5cf1f353f5ff5ff00000000000000011004400220088009900660";

const INK = "linear-gradient(currentcolor,currentcolor)";

// Layers of a background: [image, x, y, width, height].
const rect = (x, y, width, height) => [INK, x, y, width, height];

const line = (v, weight) => weight === 2 ? `var(--h${v})` : `var(--c${v})`;
const thick = (weight) => weight === 2 ? "var(--h)" : "var(--l)";
// Lines of a double one stand a line's width before and after the middle.
const before = (v) => `calc(var(--c${v}) - var(--l))`;
const after = (v) => `calc(var(--c${v}) + var(--l))`;
const past = (v, times) => `calc(var(--c${v}) + ${times}*var(--l))`;

// Where an arm that goes towards the end of axis `v` begins, and one that comes from its start ends.
// `low` and `high` are the arms across it, `through` the one on the other side; `side`, of a double
// arm's lines, is the arm across that this line is on the side of.
function begins(v, low, high, through, side) {
	const across = Math.max(low, high);

	if (side === 3)
		return after(v);
	if (across === 3 && side !== undefined)
		return before(v);
	if (across === 3 && !through)
		return low === high ? after(v) : before(v);
	return line(v, across);
}

function ends(v, low, high, through, side) {
	const across = Math.max(low, high);

	if (side === 3)
		return line(v, 0);
	if (across === 3 && side !== undefined)
		return past(v, 2);
	if (across === 3 && !through)
		return low === high ? line(v, 0) : past(v, 2);
	return across === 2 ? `calc(var(--h${v}) + var(--h))` : past(v, 1);
}

// The lines of one arm: [start across, length along] in terms of its axis.
function arm(weight, forward, v, cross, low, high, through, put) {
	const lines = weight === 3
		? [[before(cross), low], [after(cross), high]] : [[line(cross, weight), undefined]];

	for (const [at, side] of weight ? lines : []) {
		const first = forward ? begins(v, low, high, through, side) : "0px";
		const length = forward ? "100%" : ends(v, low, high, through, side);

		put(first, at, length, thick(weight));
	}
}

function lines(arms) {
	const [left, right, up, down] = [0, 2, 4, 6].map((shift) => arms >> shift & 3);
	const layers = [];
	const across = (x, y, width, height) => layers.push(rect(x, y, width, height));
	const upright = (y, x, height, width) => layers.push(rect(x, y, width, height));

	arm(left, false, "x", "y", up, down, right, across);
	arm(right, true, "x", "y", up, down, left, across);
	arm(up, false, "y", "x", left, right, down, upright);
	arm(down, true, "y", "x", left, right, up, upright);
	return layers;
}

// Dashes: how many, heavy, upright.
const DASHES = {0x2504: [3, 0, 0], 0x2505: [3, 1, 0], 0x2506: [3, 0, 1], 0x2507: [3, 1, 1],
	0x2508: [4, 0, 0], 0x2509: [4, 1, 0], 0x250a: [4, 0, 1], 0x250b: [4, 1, 1],
	0x254c: [2, 0, 0], 0x254d: [2, 1, 0], 0x254e: [2, 0, 1], 0x254f: [2, 1, 1]};

function dashes([count, heavy, upright]) {
	const weight = heavy + 1, part = 100 / count;
	const image = `repeating-linear-gradient(${upright ? 180 : 90}deg,currentcolor 0 ` +
		`${part * 0.65}%,transparent 0 ${part}%)`;

	return [upright ? [image, line("x", weight), "0px", thick(weight), "100%"]
		: [image, "0px", line("y", weight), "100%", thick(weight)]];
}

// Rectangles in eighths of the cell: from x, y to before x, y.
const eighth = (v, n) => n === 0 ? "0px" : `var(--${v}${n})`;
const span = (v, from, to) => to === 8 ? "100%" : `calc(${eighth(v, to)} - ${eighth(v, from)})`;
const eighths = (x0, y0, x1, y1) =>
	rect(eighth("x", x0), eighth("y", y0), span("x", x0, x1), span("y", y0, y1));

const QUADRANTS = [4, 8, 1, 13, 9, 7, 11, 2, 6, 14]; // upper left 1, right 2, lower left 4, right 8

function block(n) {
	const shade = (percent) => [[INK.replaceAll("currentcolor",
		`color-mix(in srgb,currentcolor ${percent}%,transparent)`), "0px", "0px", "100%", "100%"]];

	if (n === 0)
		return [eighths(0, 0, 8, 4)];
	if (n <= 8)
		return [eighths(0, 8 - n, 8, 8)];
	if (n <= 15)
		return [eighths(0, 0, 16 - n, 8)];
	if (n === 16)
		return [eighths(4, 0, 8, 8)];
	if (n <= 19)
		return shade((n - 16) * 25);
	if (n <= 21)
		return [n === 20 ? eighths(0, 0, 8, 1) : eighths(7, 0, 8, 8)];
	return [[0, 0], [4, 0], [0, 4], [4, 4]].filter((_, bit) => QUADRANTS[n - 22] & 1 << bit)
		.map(([x, y]) => eighths(x, y, x + 4, y + 4));
}

// U+1FB00 to U+1FB3B: six parts of the cell; the numbers that are halves of it are left out.
function sextant(n) {
	const bits = n + 1 + (n >= 20) + (n >= 40);
	const y = ["0px", "var(--s1)", "var(--s2)"];
	const height = ["var(--s1)", "calc(var(--s2) - var(--s1))", "100%"];

	return [0, 1, 2, 3, 4, 5].filter((bit) => bits & 1 << bit).map((bit) => rect(
		bit % 2 ? "var(--x4)" : "0px", y[bit >> 1], bit % 2 ? "100%" : "var(--x4)",
		height[bit >> 1]));
}

const half = (way) => `linear-gradient(to ${way},currentcolor 50%,transparent 50%)`;
const slope = (way) => `linear-gradient(to ${way},transparent calc(50% - var(--l)/2),` +
	"currentcolor 0 calc(50% + var(--l)/2),transparent 0)";
const halves = (image, upper, lower) => [
	[image(upper), "0px", "0px", "100%", "var(--y4)"],
	[image(lower), "0px", "var(--y4)", "100%", "100%"]];
const whole = (...images) => images.map((image) => [image, "0px", "0px", "100%", "100%"]);

const OTHERS = {
	0x2571: whole(slope("bottom right")),
	0x2572: whole(slope("top right")),
	0x2573: whole(slope("bottom right"), slope("top right")),
	0xe0b0: halves(half, "top right", "bottom right"),
	0xe0b1: halves(slope, "top right", "bottom right"),
	0xe0b2: halves(half, "top left", "bottom left"),
	0xe0b3: halves(slope, "top left", "bottom left"),
};

function layersOf(cp) {
	if (cp in DASHES)
		return dashes(DASHES[cp]);
	if (cp in OTHERS)
		return OTHERS[cp];
	if (cp >= 0x2500 && cp < 0x2580)
		return lines(parseInt(ARMS.substr((cp - 0x2500) * 2, 2), 16));
	if (cp >= 0x2580 && cp < 0x25a0)
		return block(cp - 0x2580);
	if (cp >= 0x1fb00 && cp < 0x1fb3c)
		return sextant(cp - 0x1fb00);
	return [];
}

function addClass(cp) {
	const layers = layersOf(cp);
	const name = `g${cp.toString(16)}`;
	const all = (part) => layers.map(part).join();

	if (cp >= 0x256d && cp <= 0x2570)
		return `arc ${name}`; // style.css has these four
	if (layers.length === 0)
		return "";
	sheet.insertRule(`.${name}{background-image:${all((l) => l[0])};` +
		`background-position:${all((l) => `${l[1]} ${l[2]}`)};` +
		`background-size:${all((l) => `${l[3]} ${l[4]}`)};background-repeat:no-repeat}`);
	return name;
}

// Names of the classes that draw a character of width 1, or "".
export function drawn(cp) {
	let name = known.get(cp);

	if (name === undefined && (cp < 0x2500 || (cp >= 0x25a0 && cp < 0xe0b0)))
		return "";
	if (name === undefined)
		known.set(cp, name = addClass(cp));
	return name;
}

// Where the ink of a character that is one bar across its box stands, as CSS has it: "x y/width height".
// Else "".
export function placeOf(cp) {
	let place = places.get(cp);

	if (place === undefined) {
		const [first, ...more] = layersOf(cp);
		const bar = first && more.length === 0 && first[0] === INK && first[3] === "100%";

		places.set(cp, place = bar ? `${first[1]} ${first[2]}/100% ${first[4]}` : "");
	}
	return place;
}

// Whether it looks the same over its whole width, so that a run of it can be one box.
export const isUniform = (cp) => cp === 0x2500 || cp === 0x2501 || cp === 0x2550 ||
	(cp >= 0x2580 && cp <= 0x2588) || (cp >= 0x2591 && cp <= 0x2594);
