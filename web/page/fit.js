// SPDX-License-Identifier: ISC
// How large a cell is: so that the whole screen fits, or as the viewer likes it. Only font and lengths
// change, nothing is ever scaled, so text stays sharp at any size.

const FONT_MAX = 48; // px
const FONT_FIRST = 15; // px, at a zoom of 1
const ZOOM_STEP = 1.1;
const ZOOM_MIN = 0.2;
const ZOOM_MAX = 6;
const PROBE = 64; // characters
const RATIO_MIN = 1.05; // height of a row by the size of the font
const RATIO_MAX = 1.3;

const px = (value) => `${value}px`;
// To whole pixels of the device: what is not looks blurred, and leaves seams between rows.
const round = (value) => Math.round(value * devicePixelRatio) / devicePixelRatio;
const pixel = () => 1 / devicePixelRatio;
const floor64 = (value) => Math.floor(value * 64) / 64; // what layout counts in

export class Fit {
	// `stage` gets the lengths; it stands in `view`, whose size is to be filled.
	constructor(view, stage) {
		this.view = view;
		this.stage = stage;
		this.zoom = 0; // 0: fit
		this.rows = 24;
		this.cols = 80;
		this.applied = "";
		this.probe = this.makeProbe();
		this.metrics = null;
	}

	makeProbe() {
		const probe = document.createElement("div");

		probe.className = "rows probe";
		probe.ariaHidden = "true";
		for (const look of ["", "B", "high"]) {
			const span = document.createElement("span");

			span.className = look;
			probe.append(span);
		}
		this.stage.append(probe);
		return probe;
	}

	// Widths of a character and the height of a line of text by the size of the font.
	measure(size) {
		const [plain, bold, high] = this.probe.children;

		this.set({"--fs": px(size), "--ls": "0px", "--ls-bold": "0px"});
		plain.dataset.text = bold.dataset.text = "W".repeat(PROBE);
		const widths = [plain, bold].map((span) => span.getBoundingClientRect().width / PROBE);

		return {plain: widths[0], bold: widths[1], height: high.getBoundingClientRect().height};
	}

	set(properties) {
		for (const [name, value] of Object.entries(properties))
			this.stage.style.setProperty(name, value);
	}

	// The width and height of a cell, and the size of the font.
	choose() {
		const {plain, height} = this.metrics ??= this.measure(100);
		const advance = plain / 100 || 0.6;
		const ratio = Math.min(Math.max(height / 100, RATIO_MIN), RATIO_MAX);

		if (this.zoom > 0) {
			const size = FONT_FIRST * this.zoom;

			return {size, width: floor64(size * advance), height: Math.max(round(size * ratio), pixel())};
		}
		const width = this.view.clientWidth / this.cols;
		const tall = Math.max(Math.floor(this.view.clientHeight / this.rows / pixel()), 1) * pixel();
		const size = Math.min(width / advance, (tall + 0.49 * pixel()) / ratio, FONT_MAX);

		return {size, width: Math.max(floor64(Math.min(size * advance, width)), 1 / 64),
			height: Math.max(Math.min(round(size * ratio), tall), pixel())};
	}

	// For a screen of this size. Returns whether anything changed.
	apply(rows, cols) {
		this.rows = rows;
		this.cols = cols;
		const {size, width, height} = this.choose();
		const key = [size, width, height, devicePixelRatio].join();

		if (key === this.applied)
			return false;
		this.applied = key;
		const {plain, bold} = this.measure(size);
		const light = Math.max(round(size / 14), pixel()), heavy = light * 2;
		const middle = (length, thickness) => px(round((length - thickness) / 2));
		const lengths = {"--w": px(width), "--lh": px(height), "--ls": px(width - plain),
			"--ls-bold": px(width - bold), "--l": px(light), "--h": px(heavy),
			"--cx": middle(width, light), "--cy": middle(height, light),
			"--hx": middle(width, heavy), "--hy": middle(height, heavy),
			"--s1": px(round(height / 3)), "--s2": px(round(height * 2 / 3)),
			"--arc": px(round(Math.min(width, height) / 2))};

		for (let i = 1; i < 8; i++) {
			lengths[`--x${i}`] = px(round(width * i / 8));
			lengths[`--y${i}`] = px(round(height * i / 8));
		}
		this.set(lengths);
		this.width = width;
		this.height = height;
		return true;
	}

	// One step in or out, from the size that is shown; `steps` may be a fraction.
	zoomBy(steps) {
		const now = this.zoom || this.size() / FONT_FIRST;

		this.zoom = Math.min(Math.max(now * ZOOM_STEP ** steps, ZOOM_MIN), ZOOM_MAX);
	}

	size() {
		return parseFloat(this.stage.style.getPropertyValue("--fs")) || FONT_FIRST;
	}
}
