# SPDX-License-Identifier: ISC
"""A page in Chromium, on a real gateway and a real session: what its reader can do, at a desk and on a phone."""

import time

import pytest
import rig

pytest.importorskip("browser", reason="no selenium")
from gateway import start, talk  # noqa: E402, F401  (fixtures)
from tab import ROWS, chromium, open_page  # noqa: E402, F401  (fixtures)

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(rig.missing("chromium", "chromedriver"), reason="no chromium"),
    pytest.mark.skipif(rig.is_sanitized(rig.build_dir()), reason="test_web_*.py cover the sanitized gateway"),
]


# ---- reading ------------------------------------------------------------------------------------


def test_copied_text_keeps_blank_lines_and_joins_wrapped_ones(start, talk, open_page):
    gateway = start()
    long = "0123456789" * 12
    talk(f"one\r\n\r\n\r\ntwo\r\n{long} end\r\n漢字 é\r\nlast\r\n")
    page = open_page(gateway)
    page.wait_text("last")
    page.select(0, 0, 7, 4)
    assert page.copied() == f"one\n\n\ntwo\n{long} end\n漢字 é\nlast"
    page.select(0, 1, 3, 2)
    assert page.copied() == "ne\n\n\ntw"
    page.select(5, 2, 6, 1)  # from within the wrapped line
    assert page.copied() == f"{long[82:]} end\n漢"


def test_links_lead_where_they_say_and_nowhere_else(start, talk, open_page):
    gateway = start()
    wrapped = "https://example.org/" + "a" * 90
    talk("see https://example.org/x?y=1, (http://[::1]:8080/p) or ftp://no.example javascript:alert(1)\r\n"
         f"{wrapped} rest\r\n"
         "\x1b]8;;https://target.example/t\x07words\x1b]8;;\x07 http://user@evil\r\n")
    page = open_page(gateway)
    page.wait_text("words")
    links = page.run(f"[...document.querySelectorAll('{ROWS} a')].map(a => "
                     "[a.textContent, a.href, a.title, a.target, a.rel])")
    assert {link[1] for link in links} == {
        "https://example.org/x?y=1", "http://[::1]:8080/p", wrapped, "https://target.example/t",
        "http://user@evil/"}
    assert all(link[2] == link[1] and link[3] == "_blank" for link in links)
    assert all(set(link[4].split()) == {"noopener", "noreferrer"} for link in links)
    parts = [link[0] for link in links if link[1] == wrapped]
    assert len(parts) == 2 and "".join(parts) == wrapped
    assert ["words", "https://target.example/t"] in [link[:2] for link in links]
    # Its target is shown to whoever gets there by keyboard.
    page.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    page.run(f"document.querySelector('{ROWS} a').focus()")
    page.wait("document.getElementById('target').textContent === 'https://example.org/x?y=1'")


def test_what_scrolled_away_is_there_for_those_who_come_late(start, talk, open_page):
    gateway = start()
    talk("".join(f"line number {n}\r\n" for n in range(300)))
    page = open_page(gateway)
    page.wait_text("line number 299")
    assert page.run("document.querySelectorAll('#past .r').length") == 0
    page.press("h")
    page.wait("document.querySelectorAll('#past .r').length >= 200")
    page.run("document.getElementById('view').scrollTop = 0")
    page.wait("document.querySelector('#past .r')?.textContent === 'line number 0'")
    lines = page.run("[...document.querySelectorAll('.r')].map(r => r.textContent)")
    assert [line for line in lines if line] == [f"line number {n}" for n in range(300)]
    # What scrolls away while one looks is added.
    talk("".join(f"line number {n}\r\n" for n in range(300, 350)))
    page.wait("[...document.querySelectorAll('#past .r')].some(r => r.textContent === 'line number 310')")
    page.press("h")
    page.wait("document.querySelectorAll('#past .r').length === 0")


def test_search_finds_in_the_screen_and_in_what_scrolled_away(start, talk, open_page):
    gateway = start()
    talk("needle one\r\n" + "".join(f"hay {n}\r\n" for n in range(300)) + "a NEEDLE two\r\n")
    page = open_page(gateway)
    page.wait_text("NEEDLE two")
    page.press("/")
    page.wait("document.activeElement.id === 'needle'")
    page.wait("document.querySelectorAll('#past .r').length > 270")
    for key in "needle":
        page.press(key)
    page.wait("document.getElementById('found').textContent === '2 of 2'")
    assert page.run("[...CSS.highlights.get('found')].map(String)") == ["needle", "NEEDLE"]
    page.press("Enter")
    page.wait("document.getElementById('found').textContent === '1 of 2'")
    place = ("(() => {const r = [...CSS.highlights.get('current')][0].getBoundingClientRect(),"
             "v = document.getElementById('view').getBoundingClientRect();"
             "return r.top >= v.top - 1 && r.bottom <= v.bottom + 1;})()")
    page.wait(place)
    page.press("Escape")
    page.wait("document.getElementById('find').hidden")


def test_what_changes_is_said_to_screen_readers_until_that_is_switched_off(start, talk, open_page):
    gateway = start()
    talk("before\r\n")
    page = open_page(gateway)
    page.wait_text("before")
    said = "document.getElementById('spoken').textContent"
    talk("progress 80 %\r\n")
    page.wait(f"{said}.includes('progress 80 %')")
    assert page.run("document.getElementById('spoken').getAttribute('aria-live')") == "polite"
    page.press("a")
    page.wait(f"{said} === ''")
    talk("progress 90 %\r\n")
    page.wait_text("progress 90 %")
    time.sleep(2.5)  # longer than the page gathers what it says
    assert page.run(said) == ""


# ---- looks --------------------------------------------------------------------------------------


def test_the_screen_fits_the_window_and_a_phone(start, talk, open_page, chromium):
    gateway = start()
    talk("x" * 80 + "\x1b[24;1Hlast row")
    page = open_page(gateway)
    page.wait_text("last row")
    box = ("(() => {const s = document.getElementById('screen').getBoundingClientRect(),"
           "v = document.getElementById('view').getBoundingClientRect();"
           "return [s.width / v.width, s.height / v.height, s.right <= v.right + 1, s.bottom <= v.bottom + 1];})()")
    for width, height in ((1280, 800), (390, 844), (800, 300)):
        chromium.resize(width, height)
        page.wait(f"(b => b[2] && b[3] && Math.max(b[0], b[1]) > 0.93)({box})")
    chromium.resize(390, 844)
    size = "parseFloat(getComputedStyle(document.getElementById('screen')).fontSize)"
    page.wait(f"{size} < 9")
    small = page.run(size)
    touch = {"x": 150, "y": 400}, {"x": 200, "y": 400}
    for kind, points in (("touchStart", touch), ("touchMove", ({"x": 75, "y": 400}, {"x": 275, "y": 400})),
                         ("touchEnd", ())):
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent",
                                    {"type": kind, "touchPoints": list(points)})
    page.wait(f"{size} > a[0] * 2", small)
    assert page.run("(v => v.scrollWidth > v.clientWidth)(document.getElementById('view'))")
    page.press("f")
    page.wait(f"{size} < 9")


def test_on_a_phone_all_buttons_and_facts_are_there(start, talk, open_page, chromium):
    gateway = start()
    talk("\x1b]2;a title that is much too long for a phone, on which there is no room for it\x07text\r\n")
    page = open_page(gateway)
    page.wait_text("text")
    page.wait("/ ms away.*unchanged/.test(document.getElementById('facts').textContent)")
    chromium.resize(390, 844)
    page.wait("innerWidth === 390")
    cut = page.run("['facts', 'tools', 'bar'].map(id => document.getElementById(id))"
                   ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.id)")
    assert cut == []
    outside = page.run("[...document.querySelectorAll('#tools button:not([hidden])')].filter(b => {"
                       "const r = b.getBoundingClientRect(); return r.left < 0 || r.right > innerWidth || r.height < 32;})"
                       ".map(b => b.textContent)")
    assert outside == []
    assert page.run("document.documentElement.scrollWidth") == 390


def test_what_the_host_says_hides_no_row(mirrord, start, talk, open_page):
    gateway = start()
    talk("\x1b[24;1Hlast row")
    page = open_page(gateway)
    page.wait_text("last row")
    mirrord.run("say", "the upgrade begins at ten")
    page.wait("document.getElementById('notice').textContent.includes('begins at ten')")
    page.wait("document.querySelector('#screen .r:last-child').getBoundingClientRect().bottom <= "
              "document.getElementById('notice').getBoundingClientRect().top + 1")


def test_all_that_buttons_do_keys_do(start, talk, open_page):
    gateway = start()
    talk("".join(f"line {n}\r\n" for n in range(40)) + "https://example.org/\r\n")
    page = open_page(gateway)
    page.wait_text("example.org")
    size = "parseFloat(getComputedStyle(document.getElementById('screen')).fontSize)"

    def changes(key, value):
        before = page.run(value)
        page.press(key)
        page.wait(f"({value}) !== a[0]", before)

    pressed = "document.querySelector('[data-do=%s]').ariaPressed"
    todo = {"+": size, "f": size, "-": size, "t": "document.documentElement.dataset.theme",
            "a": pressed % "speak", "h": pressed % "past", "c": "document.getElementById('notice').textContent",
            "?": "document.getElementById('help').open", "/": "document.getElementById('find').hidden",
            "s": "document.body.dataset.view"}
    titles = page.run("[...document.querySelectorAll('#tools button')].map(b => b.title)")
    assert {title[-2] for title in titles} == set(todo)
    for key, value in todo.items():
        changes(key, value)
        if key in "?/":
            changes("?" if key == "?" else "Escape", value)
    # What is on the page is reached by Tab: buttons, the screen, its links.
    page.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    assert page.run("[...document.querySelectorAll('button, a, input, #view')].every(e => e.tabIndex >= 0)")


def test_who_wants_less_motion_gets_none(start, talk, open_page):
    gateway = start()
    talk("\x1b[5mblinks\x1b[0m \x1b[1 q")
    page = open_page(gateway)
    page.wait_text("blinks")
    moving = "document.getAnimations().length"
    page.wait(f"{moving} > 0")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    page.wait(f"{moving} === 0")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_what_one_likes_is_remembered(start, talk, open_page):
    gateway = start()
    talk("text\r\n")
    page = open_page(gateway)
    page.wait_text("text")
    theme = page.run("document.documentElement.dataset.theme")
    page.press("t")
    page.press("+")
    page.press("+")
    size = "parseFloat(getComputedStyle(document.getElementById('screen')).fontSize)"
    after, large = page.run("document.documentElement.dataset.theme"), page.run(size)
    assert after != theme
    page.driver.refresh()
    page.wait_text("text")
    assert page.run("document.documentElement.dataset.theme") == after
    assert page.run(size) == pytest.approx(large, abs=0.1)


def test_several_sessions_are_listed_and_one_can_be_chosen(mirrord, start, talk, open_page):
    mirrord.detached("other", "sh", "-c", "echo the other one; exec sleep 1000")
    gateway = start()
    talk("the first one\r\n")
    page = open_page(gateway)
    page.wait("document.querySelectorAll('#list button').length === 2")
    assert page.text() == "" and not page.run("document.getElementById('list').hidden")
    page.run("[...document.querySelectorAll('#list button')].find(b => b.textContent === 'other').click()")
    page.wait_text("the other one")
    page.press("s")
    page.wait("!document.getElementById('list').hidden")
    page.run("[...document.querySelectorAll('#list button')].find(b => b.textContent === 's').click()")
    page.wait_text("the first one")
    mirrord.run("stop", "s")
    page.wait("document.getElementById('notice').textContent !== ''")
    page.wait_state("ended")
    assert "the first one" in page.text()
    mirrord.detached("s", "sh", "-c", "echo begun anew; exec sleep 1000")
    page.wait_text("begun anew")
    page.wait_state("live")
