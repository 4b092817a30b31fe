// SPDX-License-Identifier: ISC
// The messages of the three channels, and every limit a peer is held to. docs/protocol.md is the
// specification; numbers are little-endian or varint, strings are a varint length and UTF-8.
#pragma once

#define PROTO_VERSION 1
#define PROTO_MAGIC "mirrord" // first bytes of a HELLO, of any version

// ---- view: edge <-> mirror, on NAME.view -------------------------------------------------------
enum view_msg {
	// edge to mirror. There is no message that carries input.
	VIEW_HELLO = 0x01, // magic[7], version, role, rows, cols, name, from, via, key
	VIEW_STATUS =
	    0x02,         // rows, cols, rtt_us, lag_us, bytes sent, frames sent: for `mirrord who`
	VIEW_KEY = 0x03,  // asks for a key frame
	VIEW_WHO = 0x04,  // asks who is here (host's uid only)
	VIEW_DUMP = 0x05, // asks for the canonical dump (host's uid only)
	VIEW_CUT = 0x06,  // name, key: sends away who has both; empty: any (host's uid only)
	VIEW_HISTORY = 0x07, // first, count: asks for lines that have scrolled away
	VIEW_GUESTS = 0x08,  // serial, count, as VIEW_WHO_IS: who watches through this edge
	// mirror to edge
	VIEW_WELCOME = 0x41,    // version, session name, host's login name, start (unix seconds)
	VIEW_FRAME = 0x42,      // flags (1: key), frame
	VIEW_WHO_IS = 0x44,     // count, then a record for each viewer
	VIEW_DUMP_IS = 0x45,    // the dump
	VIEW_BYE = 0x46,        // exit status for the viewer (sysexits or 0), one sentence
	VIEW_NOTICE = 0x47,     // one line to show over the screen; empty: none any more
	VIEW_CUT_IS = 0x48,     // how many have been sent away
	VIEW_HISTORY_IS = 0x49, // oldest, end, first, key frame of the lines from there on
	VIEW_GUEST_CUT = 0x4a,  // name, key (empty: any): cut these of those who watch through you
	// string token (empty: no more), u8 x 9, key, name: the keyboard is lent to you, or to this one
	// of those who watch through you
	VIEW_GRANT = 0x4b,
	VIEW_DOOR = 0x4c, // u8 open, serial of the last VIEW_GUESTS that was considered
};
enum view_frame_flag {
	VIEW_FRAME_KEY = 1 << 0, // from the blank screen, not from what the edge has
};
enum view_role {
	VIEW_ROLE_VIEW = 0,  // gets frames until it leaves
	VIEW_ROLE_QUERY = 1, // asks and gets answers; not a viewer in `who`
	VIEW_ROLE_BACK = 2,  // VIEW, by one whom the mirror's predecessor had let in
	VIEW_ROLE_PAIR = 16, // added to VIEW or BACK: may be lent the keyboard
};

// ---- keeper <-> mirror, on an inherited socket pair --------------------------------------------
enum keeper_msg {
	// keeper to mirror
	// Always the first message: varint offset, then a dump of the stream there (nothing: a blank
	// screen, whose size the KEEPER_RESIZE after it says). The mirror answers MIRROR_ACK of that
	// offset when it has restored it.
	KEEPER_RESTORE = 0x01,
	KEEPER_BYTES = 0x02,  // PTY output
	KEEPER_RESIZE = 0x03, // varint rows, cols
	KEEPER_DUMP = 0x04,  // asks for a dump of the state where this message stands in the stream
	KEEPER_ENDED = 0x05, // the child's exit status: say goodbye to viewers, then exit
	KEEPER_ORDERS =
	    0x06, // varint number, the host's orders; the second message, and when they change
	// mirror to keeper; `offset` counts the PTY bytes since the session began
	MIRROR_READY = 0x41,   // sandboxed and listening
	MIRROR_ACK = 0x42,     // varint offset: all bytes up to here are in the model
	MIRROR_DUMP = 0x43,    // varint offset, dump
	MIRROR_REPLY = 0x44,   // varint offset, kind, a, b: an answer the keeper may format
	MIRROR_VIEWERS = 0x45, // varint count, for `mirrord list`
	MIRROR_EVENT = 0x46,   // enum event, its fields: for CONTROL_EVENT; or EVENT_OBEYED
};

// ---- control: front and commands <-> keeper, on NAME.control, for the host's uid ---------------
enum control_msg {
	// to the keeper. The first message is always CONTROL_HELLO.
	CONTROL_HELLO = 0x01, // magic[7], version
	CONTROL_INFO = 0x02,  // asks for CONTROL_INFO_IS
	CONTROL_STOP = 0x03,  // ends the session (SIGHUP to the child, SIGKILL after a grace time)
	CONTROL_ATTACH =
	    0x04, // varint rows, cols + SCM_RIGHTS: the terminal; rest: its struct termios
	// the channel of an attached front
	CONTROL_READY =
	    0x05, // painted: let the bytes flow; varint count of bytes before to send again
	CONTROL_INPUT = 0x06,  // what the host typed
	CONTROL_RESIZE = 0x07, // varint rows, cols
	CONTROL_DETACH = 0x08, // leave the session running
	CONTROL_ORDER = 0x09,  // enum order, its fields; not answered if it is the front's
	CONTROL_EVENTS = 0x0a, // asks for CONTROL_EVENT from now on
	CONTROL_PUBLISH =
	    0x0b, // to a relay: a PUBLISH, with the two ends of its link; see "Publish"
	// to a relay: token[PUBLISH_TOKEN], key, name, token[GRANT_TOKEN], u8 x 9: lend the keyboard
	CONTROL_LEND = 0x0c,
	CONTROL_MODES = 0x0d, // u8 x 9, after CONTROL_LEND
	// from the keeper
	CONTROL_OK = 0x41,
	CONTROL_ERROR = 0x42, // exit status, one sentence
	CONTROL_INFO_IS =
	    0x43, // name, keeper pid, child pid, start, rows, cols, attached, viewers, command
	CONTROL_PAUSED =
	    0x44, // to an attaching front: the stream stands still; paint, then CONTROL_READY
	CONTROL_OUTPUT = 0x45, // PTY output
	CONTROL_EXIT = 0x46,   // exit status of the child (128+n for a signal)
	CONTROL_TAKEN = 0x47,  // another front took over
	CONTROL_EVENT = 0x48,  // varint number, time (unix ms), enum event, its fields
};
// Fields: see server/host/event.c. What the keeper tells has numbers below EVENT_JOINED.
enum event {
	EVENT_PAUSED = 1,
	EVENT_RESUMED = 2,
	EVENT_LOCKED = 3,
	EVENT_UNLOCKED = 4,
	EVENT_SAID = 5,
	EVENT_ASK_ON = 6,
	EVENT_ASK_OFF = 7,
	EVENT_ADMITTED = 8,
	EVENT_BANNED = 9,
	EVENT_HIDDEN = 10, // what is typed does not show
	EVENT_SHOWN = 11,
	EVENT_ATTACHED = 12,
	EVENT_DETACHED = 13,
	EVENT_MIRROR_LOST = 14,
	EVENT_ENDED = 15,
	EVENT_FORGOTTEN = 16,
	EVENT_GRANTED = 17,
	EVENT_REVOKED = 18, // enum grant_end
	// of the mirror's: who it is about, and how they came
	EVENT_JOINED = 64,
	EVENT_LEFT = 65,
	EVENT_ASKS = 66,      // waits for the host's word
	EVENT_REFUSED = 67,   // was not let in
	EVENT_TIMED_OUT = 68, // the host has not said a word: shut out
	EVENT_KICKED = 69,
	EVENT_HOLDER_LEFT = 70, // who has the keyboard has gone
	EVENT_OBEYED = 127,     // never told to clients: varint number of the orders carried out
};

// ---- keyboard: the viewer that it is lent to -> keeper, on NAME.keyboard --------------------------
// The only way for a viewer's byte into a session. The socket is there while a grant is.
enum keyboard_msg {
	KEYBOARD_HELLO = 0x01, // magic[7], version, token[GRANT_TOKEN]: that of VIEW_GRANT
	KEYBOARD_INPUT = 0x02, // what was typed
};
#define GRANT_TOKEN 32 // bytes
// ---- key line: the same from afar, through an ssh of its own that lives as long as the grant ------
// What ssh runs says LINK_WELCOME first.
enum keyline_msg {
	// from the end where it is typed
	KEYLINE_CLAIM =
	    0x01, // a watcher's first: magic[7], version, session name, token[GRANT_TOKEN]
	KEYLINE_INPUT = 0x02, // beat, ms since that came, what was typed
	KEYLINE_TAKEN = 0x03, // a relay's: the guest whom it is lent to has come
	// from the end that is nearer to the session
	KEYLINE_BEAT = 0x42, // number
	// a publisher's first: magic[7], version, session name, token[PUBLISH_TOKEN], key, name, u8 x 9
	KEYLINE_LEND = 0x43,
	KEYLINE_MODES = 0x44, // u8 x 9
};
enum grant_end {
	GRANT_TIME = 1,    // is over
	GRANT_REVOKED = 2, // by the host's command
	GRANT_TYPED = 3,   // the host typed
	GRANT_GIVEN = 4,   // back by the holder, whose link may lag
	GRANT_LEFT = 5,    // the holder is gone
	GRANT_UNUSED = 6,  // nobody came for it
};

// ---- link: `mirrord watch` <-> `mirrord view --frames`, and `mirrord publish` <-> `mirrord relay`,
// through ssh; there the publisher is the far end, and the relay the watcher ------------------------
#define LINK_VERSION 1
enum link_msg {
	// from the watcher. There is no message that carries input.
	LINK_HELLO = 0x01,   // magic[7], version, rows, cols, session name, what it has (resume)
	LINK_ACK = 0x02,     // frames applied since WELCOME, us from the newest until this
	LINK_SIZE = 0x03,    // rows, cols of its terminal
	LINK_HISTORY = 0x04, // as VIEW_HISTORY
	LINK_LIMITS = 0x05,  // frames, bytes a second that it wants at most; 0: no limit
	LINK_GUESTS = 0x06,  // from a relay: as VIEW_GUESTS
	LINK_INVITE = 0x07,  // from a relay, before HELLO: account, port, guests, until
	// to the watcher
	LINK_WELCOME = 0x41, // magic[7], version; at once
	// after that through the connection's deflate stream, as frames are
	LINK_BASE = 0x42,       // before the first frame: which rows of what it has are the base
	LINK_FRAME = 0x43,      // the first frame, if it is an empty one
	LINK_NOTICE = 0x44,     // one line to show over the screen; empty: none any more
	LINK_BYE = 0x45,        // exit status, one sentence
	LINK_HISTORY_IS = 0x46, // as VIEW_HISTORY_IS
	LINK_HOLD = 0x47, // bytes, frames, ms: from now on so many may wait for an ACK, and so long
	LINK_PUBLISH = 0x48, // a publisher's first, before WELCOME: magic[7], version, who and what
	LINK_GUEST_CUT = 0x49, // to a relay: as VIEW_GUEST_CUT
	LINK_GRANT = 0x4a,     // to a watcher: as VIEW_GRANT
	LINK_PAD = 0x4b,       // nothing: to see whether ssh makes less of it
	LINK_PLAIN = 0x4c,     // pieces after this one are not deflated: ssh does that
	LINK_DOOR = 0x4d,      // to a relay: as VIEW_DOOR
};
// What ssh is asked to run, behind the name of the program there.
#define LINK_COMMAND "view --frames"
#define KEYLINE_COMMAND "view --keyboard" // while the keyboard is lent
#define PUBLISH_COMMAND "relay"           // by a publisher
#define KEYLINE_PUBLISH_COMMAND "relay --keyboard"
#define PUBLISH_TOKEN 16 // bytes that a publisher shows to get its name again

// ---- limits ------------------------------------------------------------------------------------
#define LIMIT_NAME 64             // bytes of a session's or person's name
#define LIMIT_TEXT 256            // bytes of any other string from a peer
#define LIMIT_SAY 200             // bytes of what the host says: there is more to show beside
#define LIMIT_KEY 128             // bytes of a key's fingerprint that a rule can be about
#define LIMIT_RULES 320           // people whom the host has admitted or shut out
#define LIMIT_ASK_MS 30000        // for the host to say whether somebody may watch
#define LIMIT_GRANT_MS 10000      // from a grant until its token has been presented: ssh is slow
#define LIMIT_GRANT_LAG_MS 2000   // the holder's screen, or what was typed, is so old: given back
#define LIMIT_KEYBOARD_BYTES 1200 // a message on the keyboard socket, and on a key line
#define LIMIT_EVENTS 64           // events that a listener may be behind
#define LIMIT_VIEWERS 1024        // connections a mirror serves at once
#define LIMIT_ACCOUNT_VIEWERS 256 // of them from one uid that is not the host's
#define LIMIT_PEOPLE 8192         // in one list of who watches
#define LIMIT_GUESTS 1024         // that one edge tells of,
#define LIMIT_GUESTS_BYTES (256u << 10) // and bytes of that message
#define LIMIT_QUERY_MS 5000             // from a query's last message to its next
#define LIMIT_HELLO_BYTES 2048          // a HELLO is not larger
#define LIMIT_HELLO_MS 5000             // from connection to a whole HELLO
#define LIMIT_RING_BYTES (8u << 20)     // PTY bytes the keeper keeps since the last dump
#define LIMIT_DUMP_BYTES (48u << 20)    // a dump the keeper keeps: MODEL_DUMP_MAX
#define LIMIT_MIRROR_STALL_MS 2000     // no progress with bytes outstanding: the mirror is replaced
#define LIMIT_MIRROR_AGAIN_MS 5000     // a second death within this, on the same bytes: skip them
#define LIMIT_FRONT_BYTES (256u << 10) // queued for a slow host's terminal; then the PTY waits
#define LIMIT_HISTORY_BYTES (64u << 10) // an answer with lines that have scrolled away,
#define LIMIT_HISTORY_ROWS 256          // how many lines it has,
#define LIMIT_HISTORY_CELLS (64u << 10) // and cells
#define LIMIT_HISTORY_BURST 64          // such answers for guests of one uid, at once,
#define LIMIT_HISTORY_PER_S 32          // and in the long run; what is asked beyond that waits
#define LIMIT_LINK_HELLO_BYTES 8448     // 1000 rows' hashes and a name
#define LIMIT_LINK_HELLO_MS 20000 // from the start of the far end to a whole HELLO: ssh is slow
#define LIMIT_LINK_UP_BYTES 64    // any later message of a watcher
#define LIMIT_LINK_OUTSTANDING (64u << 10) // not acknowledged: then no frame but to an empty link
#define LIMIT_LINK_ACK_MS 100              // no more than one ACK in so long,
#define LIMIT_LINK_HOLD_MS 5000    // and, if the far end says nothing else, one after so long,
#define LIMIT_LINK_HOLD_BYTES 2048 // or before that for so many bytes
#define LIMIT_LINK_HOLD_FRAMES 16  // or frames
#define LIMIT_MAX_FPS 240          // what --max-fps may say, and LIMITS
#define LIMIT_BUDGET (1ull << 40)  // likewise --budget: bytes a second
#define LIMIT_WEB_HELLO_MS 5000    // from a browser's connection to its request, and to its token
#define LIMIT_WEB_HEADERS 4096     // bytes of a request's headers
#define LIMIT_WEB_MESSAGE 256      // bytes of a browser's message
#define LIMIT_WEB_PENDING 512      // connections without a token yet,
#define LIMIT_WEB_ADDRESS 128      // and those of them from one address
#define LIMIT_WEB_VIEWERS 1024     // pages that have one
#define LIMIT_WEB_OUT_BYTES (1u << 20) // queued for a page that reads nothing, beyond frames
#define LIMIT_PUBLISH_BYTES 512        // a PUBLISH
#define LIMIT_PUBLISH_HOLD_MS 250 // as LIMIT_LINK_HOLD_MS, for a publisher: silence means something
#define LIMIT_PUBLISH_BEAT_MS 5000 // so long after the last frame a publisher with guests says that
#define LIMIT_PUBLISH_BEAT_MAX_MS 60000 // it is there, then after twice as long, up to this
#define LIMIT_PUBLISH_LATE_MS 2500      // nothing so long after that: its link is lost
