// SPDX-License-Identifier: ISC
// States and transitions after P. Williams, "A parser for DEC's ANSI-compatible video terminals"
// (vt100.net/emu/dec_ansi_parser), with three changes: bytes from 0x80 are UTF-8 and end any
// sequence that they stand in; a colon separates subparameters (ITU-T T.416); OSC also ends with
// BEL. Control strings other than OSC are swallowed. C1 controls exist only as ESC Fe.
#include "vt/parser.h"

#include <string.h>

enum state {
	GROUND,
	ESCAPE,
	ESCAPE_INTERMEDIATE,
	CSI_ENTRY,
	CSI_PARAM,
	CSI_INTERMEDIATE,
	CSI_IGNORE,
	OSC,
	OSC_ESCAPE, // an ESC in it: a backslash ends it, anything else begins anew
	STRING,     // DCS, SOS, PM, APC
	STRING_ESCAPE,
	STATE_COUNT,
};

enum action { NONE, COLLECT, PARAM, LEADER, ESC_DISPATCH, CSI_DISPATCH, OSC_PUT, OSC_END };

struct rule {
	uint8_t from, to; // bytes, inclusive
	uint8_t action;   // enum action
	uint8_t next;     // enum state
};

// Rules of a state in order; the first that fits counts. Bytes 0x00..0x1f (but for BEL in OSC),
// 0x7f and 0x80.. never get here.
#define RULES_MAX 9
static const struct rule rules[STATE_COUNT][RULES_MAX] = {
    [ESCAPE] =
	{
	    {0x20, 0x2f, COLLECT, ESCAPE_INTERMEDIATE},
	    {'[', '[', NONE, CSI_ENTRY},
	    {']', ']', NONE, OSC},
	    {'P', 'P', NONE, STRING},
	    {'X', 'X', NONE, STRING},
	    {'^', '_', NONE, STRING},
	    {'k', 'k', NONE, STRING}, // a title, as screen and tmux take it
	    {0x30, 0x7e, ESC_DISPATCH, GROUND},
	},
    [ESCAPE_INTERMEDIATE] =
	{
	    {0x20, 0x2f, COLLECT, ESCAPE_INTERMEDIATE},
	    {0x30, 0x7e, ESC_DISPATCH, GROUND},
	},
    [CSI_ENTRY] =
	{
	    {'<', '?', LEADER, CSI_PARAM},
	    {'0', ';', PARAM, CSI_PARAM},
	    {0x20, 0x2f, COLLECT, CSI_INTERMEDIATE},
	    {0x40, 0x7e, CSI_DISPATCH, GROUND},
	},
    [CSI_PARAM] =
	{
	    {'0', ';', PARAM, CSI_PARAM},
	    {'<', '?', NONE, CSI_IGNORE},
	    {0x20, 0x2f, COLLECT, CSI_INTERMEDIATE},
	    {0x40, 0x7e, CSI_DISPATCH, GROUND},
	},
    [CSI_INTERMEDIATE] =
	{
	    {0x20, 0x2f, COLLECT, CSI_INTERMEDIATE},
	    {'0', '?', NONE, CSI_IGNORE},
	    {0x40, 0x7e, CSI_DISPATCH, GROUND},
	},
    [CSI_IGNORE] =
	{
	    {0x20, 0x3f, NONE, CSI_IGNORE},
	    {0x40, 0x7e, NONE, GROUND},
	},
    [OSC] = {{0x07, 0x07, OSC_END, GROUND}, {0x20, 0xff, OSC_PUT, OSC}},
    [OSC_ESCAPE] = {{'\\', '\\', OSC_END, GROUND}},
    [STRING] = {{0x20, 0xff, NONE, STRING}},
    [STRING_ESCAPE] = {{'\\', '\\', NONE, GROUND}},
};

uint32_t
sequence_or(const struct sequence *seq, size_t index, uint32_t fallback)
{
	if (index >= seq->count || (seq->missing >> index & 1))
		return fallback;
	return seq->param[index];
}

uint32_t
sequence_count(const struct sequence *seq, size_t index)
{
	uint32_t value = sequence_or(seq, index, 1);

	return value == 0 ? 1 : value;
}

void
parser_init(struct parser *parser, const struct parser_sink *sink)
{
	memset(parser, 0, sizeof(*parser));
	parser->sink = sink;
}

// ---- what is unfinished ------------------------------------------------------------------------

static void
partial_keep(struct parser *parser, uint8_t byte)
{
	if (parser->partial_len < sizeof(parser->partial))
		parser->partial[parser->partial_len] = byte;
	parser->partial_len++;
	parser->partial_raw++;
}

static void
partial_drop(struct parser *parser)
{
	parser->partial_len = parser->partial_raw = 0;
}

size_t
parser_partial(const struct parser *parser, uint8_t *out)
{
	size_t len = parser->partial_len;

	if (len > sizeof(parser->partial)) // a long string: its tail is not kept anyway
		len = sizeof(parser->partial);
	memcpy(out, parser->partial, len);
	// the introducer of the terminator may lie in the tail that was cut off
	if (parser->partial_len > len &&
	    (parser->state == OSC_ESCAPE || parser->state == STRING_ESCAPE))
		out[len++] = 0x1b;
	return len;
}

// ---- sequences ---------------------------------------------------------------------------------

static void
sequence_clear(struct parser *parser)
{
	parser->seq.leader = parser->seq.intermediate = parser->seq.count = 0;
	parser->seq.missing = parser->seq.sub = 0;
	parser->too_many = false;
	parser->string_len = 0;
}

static void
collect(struct parser *parser, uint8_t byte)
{
	if (parser->seq.intermediate != 0)
		parser->too_many = true;
	parser->seq.intermediate = byte;
}

// Opens the next parameter; past the last one it is counted and dropped.
static void
param_open(struct sequence *seq, bool sub)
{
	if (seq->count < PARSER_PARAMS_MAX) {
		seq->param[seq->count] = 0;
		seq->missing |= 1u << seq->count;
		if (sub)
			seq->sub |= 1u << seq->count;
	}
	if (seq->count <= PARSER_PARAMS_MAX)
		seq->count++;
}

static void
param(struct parser *parser, uint8_t byte)
{
	struct sequence *seq = &parser->seq;
	size_t last;
	uint32_t value;

	if (seq->count == 0)
		param_open(seq, false);
	if (byte == ';' || byte == ':') {
		param_open(seq, byte == ':');
		return;
	}
	if (seq->count > PARSER_PARAMS_MAX)
		return;
	last = seq->count - 1u;
	value = seq->param[last] * 10u + (byte - '0');
	seq->param[last] =
	    (uint16_t)(value > PARSER_PARAM_VALUE_MAX ? PARSER_PARAM_VALUE_MAX : value);
	seq->missing &= ~(1u << last);
}

static void
dispatch(
    struct parser *parser, uint8_t byte, void (*handler)(void *user, const struct sequence *seq))
{
	if (parser->too_many)
		return;
	if (parser->seq.count > PARSER_PARAMS_MAX)
		parser->seq.count = PARSER_PARAMS_MAX;
	parser->seq.final = byte;
	handler(parser->sink->user, &parser->seq);
}

static void
osc_put(struct parser *parser, uint8_t byte)
{
	if (parser->string_len < sizeof(parser->string))
		parser->string[parser->string_len] = byte;
	parser->string_len++;
}

static void
act(struct parser *parser, enum action action, uint8_t byte)
{
	switch (action) {
	case NONE: break;
	case COLLECT: collect(parser, byte); break;
	case PARAM: param(parser, byte); break;
	case LEADER: parser->seq.leader = byte; break;
	case ESC_DISPATCH: dispatch(parser, byte, parser->sink->escape); break;
	case CSI_DISPATCH: dispatch(parser, byte, parser->sink->csi); break;
	case OSC_PUT: osc_put(parser, byte); break;
	case OSC_END:
		if (parser->string_len <= sizeof(parser->string))
			parser->sink->osc(parser->sink->user, parser->string, parser->string_len);
		break;
	}
}

static void ground_byte(struct parser *parser, uint8_t byte);

static bool
in_string(const struct parser *parser)
{
	return parser->state == OSC || parser->state == STRING;
}

// ESC: begins a sequence, or perhaps ends a string.
static void
escape_byte(struct parser *parser)
{
	if (in_string(parser)) {
		parser->state = parser->state == OSC ? OSC_ESCAPE : STRING_ESCAPE;
		partial_keep(parser, 0x1b);
		return;
	}
	partial_drop(parser);
	partial_keep(parser, 0x1b);
	sequence_clear(parser);
	parser->state = ESCAPE;
}

// C0 within a sequence is obeyed at once; within a string it is dropped. CAN and SUB end either.
static void
control_byte(struct parser *parser, uint8_t byte)
{
	if (byte == 0x18 || byte == 0x1a) {
		parser->state = GROUND;
		partial_drop(parser);
		return;
	}
	if (parser->state != GROUND)
		parser->partial_raw++;
	if (!in_string(parser))
		parser->sink->control(parser->sink->user, byte);
}

static const struct rule *
find_rule(uint8_t state, uint8_t byte)
{
	for (const struct rule *rule = rules[state]; rule->to != 0; rule++)
		if (byte >= rule->from && byte <= rule->to)
			return rule;
	return NULL;
}

static void
sequence_byte(struct parser *parser, uint8_t byte)
{
	const struct rule *rule;

	if (parser->state == OSC_ESCAPE || parser->state == STRING_ESCAPE) {
		if (byte != '\\') { // the ESC was the beginning of something else
			partial_drop(parser);
			partial_keep(parser, 0x1b);
			sequence_clear(parser);
			parser->state = ESCAPE;
		}
	}
	rule = find_rule(parser->state, byte);
	if (rule == NULL) { // a byte from 0x80 outside of a string
		parser->state = GROUND;
		partial_drop(parser);
		ground_byte(parser, byte);
		return;
	}
	if (rule->next == GROUND)
		partial_drop(parser);
	else
		partial_keep(parser, byte);
	parser->state = rule->next;
	act(parser, rule->action, byte);
}

// ---- text --------------------------------------------------------------------------------------

static void
utf8_emit(struct parser *parser, uint32_t cp)
{
	if (cp >= 0x80 &&
	    cp < 0xa0) // C1 as UTF-8: no terminal we mirror to should see a control here
		return;
	parser->sink->glyph(parser->sink->user, cp);
}

// The first byte of a character. Forms of five and six bytes, and others that Unicode forbids, are
// taken whole so that each becomes one U+FFFD, as in xterm.
static void
utf8_start(struct parser *parser, uint8_t byte)
{
	static const struct {
		uint8_t from, need;
		uint32_t min;
	} forms[] = {
	    {0xfe, 0, 0},
	    {0xfc, 5, 0x4000000},
	    {0xf8, 4, 0x200000},
	    {0xf0, 3, 0x10000},
	    {0xe0, 2, 0x800},
	    {0xc0, 1, 0x80},
	    {0x80, 0, 0},
	};
	size_t i = 0;

	while (byte < forms[i].from)
		i++;
	if (forms[i].need == 0) {
		utf8_emit(parser, 0xfffd);
		return;
	}
	parser->utf8_need = forms[i].need;
	parser->utf8_min = forms[i].min;
	parser->utf8_cp = byte & (0x3fu >> forms[i].need);
	partial_keep(parser, byte);
}

// True if the byte belonged to the character that had begun.
static bool
utf8_continue(struct parser *parser, uint8_t byte)
{
	uint32_t cp;

	if ((byte & 0xc0) != 0x80) {
		parser->utf8_need = 0;
		partial_drop(parser);
		utf8_emit(parser, 0xfffd);
		return false;
	}
	cp = parser->utf8_cp = parser->utf8_cp << 6 | (byte & 0x3fu);
	if (--parser->utf8_need > 0) {
		partial_keep(parser, byte);
		return true;
	}
	partial_drop(parser);
	if (cp < parser->utf8_min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = 0xfffd;
	utf8_emit(parser, cp);
	return true;
}

static void
ground_byte(struct parser *parser, uint8_t byte)
{
	if (byte >= 0x80)
		utf8_start(parser, byte);
	else if (byte != 0x7f)
		parser->sink->text(parser->sink->user, &byte, 1);
}

static size_t
ascii_run(const uint8_t *data, size_t len)
{
	size_t run = 0;

	while (run < len && data[run] >= 0x20 && data[run] < 0x7f)
		run++;
	return run;
}

static void
byte_in(struct parser *parser, uint8_t byte)
{
	if (parser->utf8_need > 0 && utf8_continue(parser, byte))
		return;
	if (byte == 0x1b)
		escape_byte(parser);
	else if (byte < 0x20 && !(byte == 0x07 && parser->state == OSC))
		control_byte(parser, byte);
	else if (parser->state == GROUND)
		ground_byte(parser, byte);
	else if (byte == 0x7f && !in_string(parser))
		parser->partial_raw++;
	else
		sequence_byte(parser, byte);
}

void
parser_feed(struct parser *parser, const uint8_t *data, size_t len)
{
	size_t pos = 0;

	while (pos < len) {
		if (parser->state == GROUND && parser->utf8_need == 0) {
			size_t run = ascii_run(data + pos, len - pos);

			if (run > 0) {
				parser->sink->text(parser->sink->user, data + pos, run);
				pos += run;
				continue;
			}
		}
		parser->consumed = pos + 1;
		byte_in(parser, data[pos++]);
	}
}
