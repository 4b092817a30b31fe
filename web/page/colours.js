// SPDX-License-Identifier: ISC
// Colours as the theme has them. What a program leaves to the terminal, its default colours, is ours to
// choose, so that it can be read against whatever the program put beside it; what it asks for is kept, but
// for the themes that promise a contrast. style.css has the palettes, README.md the rules.
import {INDEXED} from "./row.js";

const READABLE = 4.5; // WCAG 2, success criterion 1.4.3
const WHITE = 0xffffff;
const BLACK = 0x000000;
const MIX_STEPS = 8;
const KEPT_MAX = 4096; // mixed inks

export const theme = {name: null, fg: 0, bg: 0, standard: [], inks: [], least: 1, leastOn: 1};

const CUBE = [0, 95, 135, 175, 215, 255];
const INDEXES = Array.from({length: 256}, (_, n) => {
	if (n >= 232)
		return (8 + (n - 232) * 10) * 0x10101;
	n -= 16;
	return n < 0 ? 0 : CUBE[Math.trunc(n / 36)] << 16 | CUBE[Math.trunc(n / 6) % 6] << 8 | CUBE[n % 6];
});

const LINEAR = Float64Array.from({length: 256}, (_, value) =>
	value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = (rgb) =>
	0.2126 * LINEAR[rgb >> 16] + 0.7152 * LINEAR[rgb >> 8 & 255] + 0.0722 * LINEAR[rgb & 255];

function contrast(a, b) {
	const one = luminance(a) + 0.05, other = luminance(b) + 0.05;

	return one > other ? one / other : other / one;
}

const PAIRS = Array.from({length: 256}, (_, value) => value.toString(16).padStart(2, "0"));
export const hex = (rgb) => `#${PAIRS[rgb >> 16]}${PAIRS[rgb >> 8 & 255]}${PAIRS[rgb & 255]}`;

// The index of one of the 16 colours that a theme has, or -1.
export const indexOf = (colour) => colour >= INDEXED && colour < INDEXED + 16 ? colour - INDEXED : -1;

// Of a colour that is no default one, as 0xRRGGBB.
export const valueOf = (colour) => indexOf(colour) >= 0 ? theme.standard[colour - INDEXED]
	: colour >>> 24 === 1 ? INDEXES[colour & 0xff] : colour & 0xffffff;

const mixed = new Map();

// Takes over the theme that the document has. Its name says whether it is still the same.
export function takeTheme() {
	const root = document.documentElement, name = root.dataset.theme ?? "";

	if (name === theme.name)
		return name;
	const style = getComputedStyle(root);
	const value = (key) => style.getPropertyValue(key).trim();
	const rgb = (key) => parseInt(value(key).slice(1), 16);
	const all = (key) => Array.from({length: 16}, (_, n) => rgb(key + n));

	mixed.clear();
	return Object.assign(theme, {name, fg: rgb("--fg"), bg: rgb("--bg"), standard: all("--p"), inks: all("--i"),
		least: Number(value("--least")), leastOn: Number(value("--least-on"))}).name;
}

// The first of two default colours, and then of white and black, that can be read beside `other`.
export function readable(first, second, other) {
	for (const one of [first, second, WHITE])
		if (contrast(one, other) >= READABLE)
			return one;
	return BLACK; // white or black always can
}

// An ink that a program asked for, on a default background: as it is, or nearer to the default ink.
export function inkOnDefault(ink) {
	if (theme.least <= 1 || contrast(ink, theme.bg) >= theme.least)
		return ink;
	let found = mixed.get(ink);

	for (let step = 1; found === undefined; step++) {
		const part = (shift) => Math.round(((ink >> shift & 255) * (MIX_STEPS - step) +
			(theme.fg >> shift & 255) * step) / MIX_STEPS) << shift;
		const now = part(16) | part(8) | part(0);

		if (step === MIX_STEPS || contrast(now, theme.bg) >= theme.least)
			found = now;
	}
	if (mixed.size === KEPT_MAX)
		mixed.clear();
	mixed.set(ink, found);
	return found;
}

// On a background that it asked for, too.
export const inkOn = (ink, paper) => theme.leastOn <= 1 || contrast(ink, paper) >= theme.leastOn ? ink
	: readable(ink, WHITE, paper);
