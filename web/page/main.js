// SPDX-License-Identifier: ISC
// The page: what is on it, and what its keys and buttons do.
import {Finder, copyRows, selectedText, summaryOf} from "./find.js";
import {Fit} from "./fit.js";
import {Link} from "./link.js";
import {Past} from "./past.js";
import {ScreenView} from "./screen.js";
import {change, nextTheme, settings} from "./settings.js";

const SPEAK_MS = 2000; // between two summaries
const SPEAK_ROWS = 4;
const TICK_MS = 1000; // the age of the screen is shown
const STALE_MS = 60_000; // older than this it is shown in minutes

const $ = (id) => document.getElementById(id);
const view = $("view");
const fit = new Fit(view, $("stage"));
const shown = new ScreenView($("screen"), $("cursor"));
let latest = null; // the newest screen, if it is not painted yet
let facts = {host: "", watching: 0, rtt: null, changed: 0};
let pinned = true; // to the bottom, where the live screen is

// ---- Painting --------------------------------------------------------------------------------------

function paint() {
	const screen = latest;

	if (screen === null)
		return;
	latest = null;
	refit(screen);
	const first = shown.screen === null;
	const changed = shown.paint(screen);

	if (first)
		performance.mark("mirrord.screen");

	if (past.shown && pinned)
		view.scrollTop = view.scrollHeight;
	link.paintedNow();
	showTitle(screen.title);
	showBell(screen.bell);
	if (finder.needle)
		finder.update();
	past.onChange();
	speakLater(changed);
}

// A frame around the screen for a moment. What rang before this page came is not news.
let rung = null;
let quiet = 0;
function showBell(bell) {
	if (rung !== null && rung !== bell) {
		view.classList.add("rung");
		clearTimeout(quiet);
		quiet = setTimeout(() => view.classList.remove("rung"), 200);
	}
	rung = bell;
}

function refit(screen = shown.screen) {
	if (screen !== null && !$("stage").hidden)
		fit.apply(screen.rows, screen.cols);
}

function onScreen(screen, changedAt) {
	if (latest === null)
		requestAnimationFrame(paint);
	latest = screen;
	facts.changed = changedAt;
	if ($("stage").hidden)
		show("stage");
}

// One of the things that <main> can show.
function show(which) {
	for (const id of ["stage", "list", "message"])
		$(id).hidden = id !== which;
	document.body.dataset.view = which;
}

function say(heading, text) {
	$("message").querySelector("h2").textContent = heading;
	$("message").querySelector("p").textContent = text;
	show("message");
}

// ---- The bar ---------------------------------------------------------------------------------------

const STATES = {connecting: "connecting", live: "live", lost: "link lost", ended: "ended"};

function onState(state, why) {
	document.body.dataset.state = state;
	$("state").textContent = STATES[state];
	if (why)
		$("state").title = why;
	if (state === "lost") {
		facts.rtt = null;
		showNotice(`${why}; trying again`, true);
	} else if (state === "live") {
		showNotice("", true);
	} else if (state === "ended") {
		if (shown.screen === null)
			say("Nothing to see here", why);
		else
			showNotice(why, true);
	}
	showFacts();
}

function age(ms) {
	return ms < STALE_MS ? `${Math.max(Math.round(ms / 1000), 0)} s`
		: ms < 60 * STALE_MS ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

function showFacts() {
	const {host, watching, rtt, changed} = facts;
	const parts = [];

	if (host)
		parts.push(`host ${host}`);
	if (watching)
		parts.push(`${watching} watching`);
	if (rtt !== null)
		parts.push(`${rtt < 10 ? rtt.toFixed(1) : Math.round(rtt)} ms away`);
	if (changed && shown.screen !== null)
		parts.push(`${document.body.dataset.state === "live" ? "unchanged for" : "as it was"} ` +
			age(performance.now() - changed) + (document.body.dataset.state === "live" ? "" : " ago"));
	if ($("facts").textContent !== parts.join(" · "))
		$("facts").textContent = parts.join(" · ");
}

function showTitle(title) {
	const text = title || link.session || "mirrord";

	if ($("title").textContent !== text) {
		$("title").textContent = text;
		document.title = `${text} · mirrord`;
	}
}

const notices = {ours: "", theirs: ""};
function showNotice(text, ours) {
	notices[ours ? "ours" : "theirs"] = text;
	$("notice").textContent = notices.ours || notices.theirs;
	$("notice").hidden = $("notice").textContent === "";
	$("over").classList.toggle("room", !notices.ours && notices.theirs !== "");
}

// The clock runs only while somebody looks.
let tick = 0;
function onVisible() {
	clearInterval(tick);
	if (document.visibilityState === "visible") {
		tick = setInterval(showFacts, TICK_MS);
		showFacts();
		speakLater([]);
	}
}

// ---- Sessions --------------------------------------------------------------------------------------

function showSessions(list) {
	const items = list.map(({session, host, start, watching}) => {
		const item = document.createElement("li"), button = document.createElement("button");
		const more = document.createElement("span");

		button.textContent = session;
		button.addEventListener("click", () => link.join(session));
		more.textContent = `host ${host}, since ${new Date(start * 1000).toLocaleString()}, ` +
			`${watching} watching`;
		item.append(button, more);
		return item;
	});

	others(list);
	$("list").querySelector("ul").replaceChildren(...items);
	if (list.length === 0 && shown.screen === null)
		say("No session yet", "This page shows it as soon as one begins.");
	else if (shown.screen === null && list.length > 1 && !list.some(({session}) => session === link.session))
		show("list");
	else if (link.session === "" && list.some(({session}) => session === left))
		link.join(left); // it has begun anew
	else if (shown.screen === null && list.length === 1 && document.body.dataset.view === "message")
		link.join(list[0].session);
}

// Whether there is another session to go to.
let known = [];
function others(list = known) {
	known = list;
	document.querySelector("[data-do=sessions]").hidden =
		list.every(({session}) => session === link.session);
}

let left = ""; // the session that was watched until it ended
function onJoined({session, host, watching}, fresh) {
	left = session;
	Object.assign(facts, {host, watching});
	if (fresh) {
		rung = null;
		past.hide();
		press("past", false);
		showTitle("");
		view.focus({preventScroll: true});
	}
	others();
	showNotice("", false);
	document.body.dataset.state = "live";
	$("state").textContent = STATES.live;
	$("title").title = session;
	showFacts();
}

function onLeft(status, text) {
	others();
	document.body.dataset.state = "ended";
	$("state").textContent = "ended";
	showNotice(text || `the session has ended, with status ${status}`, false);
	if (shown.screen === null)
		say("The session has ended", text);
	showFacts();
}

// ---- For screen readers ----------------------------------------------------------------------------

const unsaid = new Set();
let speakTimer = 0;
function speakLater(changed) {
	if (!settings.speak)
		return;
	changed.forEach((i) => unsaid.add(i));
	if (unsaid.size > 0 && speakTimer === 0 && document.visibilityState === "visible")
		speakTimer = setTimeout(speak, SPEAK_MS);
}

function speak() {
	const rows = shown.screen?.row ?? [];
	const changed = [...unsaid].filter((i) => i < rows.length).sort((a, b) => a - b);

	speakTimer = 0;
	unsaid.clear();
	$("spoken").textContent = summaryOf(rows, changed, SPEAK_ROWS);
}

// ---- Keys and buttons ------------------------------------------------------------------------------

// Some colours are chosen by the theme's when they are painted: colours.js.
function restyle() {
	change({theme: nextTheme()});
	if (shown.screen !== null)
		shown.paint(shown.screen);
	past.paint();
	finder.update();
}

function press(name, on) {
	document.querySelector(`[data-do=${name}]`).ariaPressed = on;
}

function zoom(value) {
	change({zoom: value});
	fit.zoom = value;
	press("fit", value === 0);
	refit();
}

function zoomBy(steps) {
	fit.zoomBy(steps);
	zoom(fit.zoom);
}

async function togglePast(on = !past.shown) {
	press("past", on);
	if (!on)
		return past.hide();
	pinned = true;
	await past.show();
	view.scrollTop = Math.max(past.height - view.clientHeight / 2, 0);
}

async function openFind() {
	$("find").hidden = false;
	$("needle").focus();
	$("needle").select();
	press("past", true);
	await past.all();
	finder.update();
	$("found").textContent = finder.summary;
}

function closeFind() {
	$("find").hidden = true;
	finder.find("");
	view.focus({preventScroll: true});
}

function findStep(by) {
	finder.step(by);
	$("found").textContent = finder.summary;
}

const ACTIONS = {
	sessions() {
		left = "";
		link.join("");
		show("list");
	},
	past: () => togglePast(),
	find: openFind,
	async copy() {
		await copyRows(lines().map(({row}) => row));
		showNotice("copied", true);
		setTimeout(() => notices.ours === "copied" && showNotice("", true), 1500);
	},
	fit: () => zoom(fit.zoom === 0 ? 1 : 0),
	smaller: () => zoomBy(-1),
	larger: () => zoomBy(1),
	theme: restyle,
	speak() {
		change({speak: !settings.speak});
		press("speak", settings.speak);
		$("spoken").textContent = "";
	},
	help: () => $("help").open ? $("help").close() : $("help").showModal(),
	before: () => findStep(-1),
	next: () => findStep(1),
	close: closeFind,
};

const KEYS = {s: "sessions", h: "past", "/": "find", c: "copy", f: "fit", "-": "smaller", "+": "larger",
	"=": "larger", t: "theme", a: "speak", "?": "help"};

function onKey(event) {
	const typing = event.target === $("needle");

	if (event.key === "Tab")
		document.body.dataset.tabbing = "";
	if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented)
		return;
	if (event.key === "Escape" && !$("find").hidden)
		closeFind();
	else if (typing || $("help").open && event.key !== "?")
		return;
	else if (KEYS[event.key])
		ACTIONS[KEYS[event.key]]();
	else if (event.key === "PageUp" && !past.shown && $("stage").hidden === false)
		togglePast(true);
	else
		return;
	event.preventDefault();
}

// Two fingers change the size of the font; what is between them stays there.
let pinch = null;
const spread = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
function onTouch(event) {
	if (event.touches.length !== 2) {
		if (pinch !== null)
			change({zoom: fit.zoom});
		pinch = null;
		return;
	}
	event.preventDefault();
	const size = spread(event.touches);

	pinch ??= {size, zoom: fit.zoom || fit.size() / 15};
	const [a, b] = event.touches;
	const before = fit.width;
	const x = view.scrollLeft + (a.clientX + b.clientX) / 2, y = view.scrollTop + (a.clientY + b.clientY) / 2;

	fit.zoom = pinch.zoom;
	fit.zoomBy(Math.log(size / pinch.size) / Math.log(1.1));
	press("fit", false);
	refit();
	const by = fit.width / before - 1;
	view.scrollBy(x * by, y * by);
}

function onTarget(event) {
	const link_ = event.target.closest?.(".r a");
	const on = link_ && event.type !== "pointerout" && event.type !== "focusout";

	$("target").textContent = on ? link_.href : "";
	$("target").hidden = !on;
}

// ---- Beginning -------------------------------------------------------------------------------------

const lines = () => [...(past.shown ? past.painter.lines : []), ...shown.rows.lines];
const link = new Link({
	state: onState,
	welcome: (name) => $("state").title = `you are ${name}`,
	sessions: showSessions,
	joined: onJoined,
	watching: (watching) => {
		facts.watching = watching;
		showFacts();
	},
	notice: (text) => showNotice(text, false),
	screen: onScreen,
	left: onLeft,
	rtt: (rtt) => {
		facts.rtt = rtt;
		showFacts();
	},
});
const past = new Past($("past"), view, (from, count) => link.askHistory(from, count));
const finder = new Finder(lines);

document.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => ACTIONS[event.target.dataset?.do]?.());
document.addEventListener("visibilitychange", onVisible);
document.addEventListener("copy", (event) => {
	const text = selectedText(getSelection(), lines());

	if (text === "")
		return;
	event.clipboardData.setData("text/plain", text);
	event.preventDefault();
});
$("find").addEventListener("submit", (event) => event.preventDefault());
$("needle").addEventListener("input", () => {
	finder.find($("needle").value);
	$("found").textContent = finder.summary;
	findStep(0);
});
$("needle").addEventListener("keydown", (event) => event.key === "Enter" && findStep(event.shiftKey ? -1 : 1));
for (const type of ["pointerover", "pointerout", "focusin", "focusout"])
	view.addEventListener(type, onTarget);
for (const type of ["touchstart", "touchmove", "touchend", "touchcancel"])
	view.addEventListener(type, onTouch, {passive: false});
view.addEventListener("scroll", () =>
	pinned = view.scrollTop + view.clientHeight > view.scrollHeight - 2 * fit.height, {passive: true});
// Up from the top is where the history is.
view.addEventListener("wheel", ({deltaY, ctrlKey}) => {
	if (deltaY < 0 && !ctrlKey && !past.shown && view.scrollTop === 0 && !$("stage").hidden)
		togglePast(true);
}, {passive: true});
new ResizeObserver(() => refit()).observe(view);
addEventListener("hashchange", () => Link.takeToken() && link.connect());

zoom(settings.zoom);
press("speak", settings.speak);
onVisible();
if (Link.takeToken() || Link.hasToken())
	link.connect();
else
	onState("ended", "Open the link that you were given: it holds the key to what you may watch.");
