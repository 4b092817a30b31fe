// SPDX-License-Identifier: ISC
// What has scrolled away: rows above the screen, asked of the gateway when somebody looks.
import {Rows} from "./paint.js";

const CHUNK = 200; // rows in an answer
const AGAIN_MS = 1000; // between two questions for what has scrolled away since
const NEAR = 1.5; // heights of the window from the top: time to have more

export class Past {
	// `ask(from, count)` gets rows, or null. They are shown in `container`, which scrolls in `view`.
	constructor(container, view, ask) {
		this.container = container;
		this.view = view;
		this.ask = ask;
		this.painter = new Rows(container.querySelector(".lines"));
		this.shown = false;
		this.clear();
		view.addEventListener("scroll", () => this.onScroll(), {passive: true});
	}

	clear() {
		this.rows = []; // numbers `from` to before `end`
		this.from = this.end = this.oldest = 0;
		this.asking = null;
		this.askedAt = -Infinity;
		this.paint();
	}

	get height() {
		return this.container.getBoundingClientRect().height;
	}

	// Paints, and keeps what is looked at where it is.
	paint() {
		const {view} = this;
		const below = view.scrollHeight - view.scrollTop;
		const cols = this.rows.reduce((most, row) => Math.max(most, row.cols), 1);

		this.container.hidden = !this.shown || this.rows.length === 0;
		this.container.style.setProperty("--cols", cols);
		this.painter.paint(this.shown ? this.rows : [], false);
		view.scrollTop = view.scrollHeight - below;
	}

	// One question at a time; others wait for its answer and then look anew.
	async get(from, count) {
		while (this.asking !== null)
			await this.asking;
		this.asking = this.ask(from, count);
		const answer = await this.asking;
		this.asking = null;
		return answer;
	}

	// Rows that scrolled away since. A gap that is too long is left: then only the newest are shown.
	async update() {
		this.askedAt = performance.now();
		let answer = await this.get(this.end, CHUNK);

		if (answer !== null && answer.end > this.end + answer.rows.length) {
			answer = await this.get(Math.max(answer.end - CHUNK, 0), CHUNK);
			this.rows = [];
		}
		if (answer === null)
			return;
		if (this.rows.length === 0)
			this.from = answer.from;
		if (answer.from === this.from + this.rows.length || this.rows.length === 0)
			this.rows = this.rows.concat(answer.rows);
		this.oldest = answer.oldest;
		this.end = this.from + this.rows.length;
		if (answer.rows.length > 0)
			this.paint();
	}

	// Rows before those that are here. Returns whether there were any.
	async older() {
		const count = Math.min(CHUNK, this.from - this.oldest);

		if (count <= 0)
			return false;
		const answer = await this.get(this.from - count, count);

		if (answer === null || answer.rows.length === 0 ||
				answer.from + answer.rows.length !== this.from)
			return false;
		this.rows = answer.rows.concat(this.rows);
		this.from = answer.from;
		this.oldest = answer.oldest;
		this.paint();
		return true;
	}

	async all() {
		await this.show();
		while (await this.older())
			;
	}

	async show() {
		this.shown = true;
		this.paint();
		await this.update();
	}

	hide() {
		this.shown = false;
		this.clear();
	}

	// The screen has changed: more may have scrolled away.
	onChange() {
		if (!this.shown || this.timer || document.visibilityState !== "visible")
			return;
		const wait = Math.max(this.askedAt + AGAIN_MS - performance.now(), 0);

		this.timer = setTimeout(() => {
			this.timer = 0;
			if (this.shown)
				this.update();
		}, wait);
	}

	onScroll() {
		if (this.shown && this.asking === null && this.from > this.oldest &&
				this.view.scrollTop < this.view.clientHeight * NEAR)
			this.older();
	}
}
