// SPDX-License-Identifier: ISC
// What this browser remembers of how its owner likes to watch. Storage may be forbidden.
const KEY = "mirrord";
const THEMES = ["dark", "light", "contrast"];

function load() {
	try {
		return JSON.parse(localStorage.getItem(KEY)) ?? {};
	} catch {
		return {};
	}
}

const wants = (query) => matchMedia(query).matches;
const saved = load();

export const settings = {
	theme: THEMES.includes(saved.theme) ? saved.theme : wants("(prefers-contrast: more)") ? "contrast"
		: wants("(prefers-color-scheme: light)") ? "light" : "dark",
	zoom: saved.zoom > 0 && saved.zoom < 100 ? saved.zoom : 0, // 0: fit
	speak: saved.speak !== false,
};

export function change(values) {
	Object.assign(settings, values);
	try {
		localStorage.setItem(KEY, JSON.stringify(settings));
	} catch {}
	document.documentElement.dataset.theme = settings.theme;
}

export const nextTheme = () => THEMES[(THEMES.indexOf(settings.theme) + 1) % THEMES.length];

document.documentElement.dataset.theme = settings.theme;
