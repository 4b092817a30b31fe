// SPDX-License-Identifier: ISC
// The terminal modes in which what is typed is hidden, as programs of Debian 12 were seen to set them.
#include "server/keeper/pty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// What differs from the modes of a terminal as it begins.
static const struct {
	const char *program;
	bool hides;
	tcflag_t local_off, input_off, input_on, output_off;
} programs[] = {
    {"a terminal as it begins", false, 0, 0, 0, 0},
    {"read -n 1, bash; read -k 1, zsh", false, ICANON, 0, 0, 0},
    {"getpass, sudo, su, passwd, ssh, ssh-keygen, stty -echo; read -s, zsh", true, ECHO, 0, 0, 0},
    {"read -s, bash", true, ECHO | ECHOK, 0, 0, 0},
    {"read -s -n 1, bash", true, ICANON | ECHO | ECHOK, 0, 0, 0},
    {"sudo with pwfeedback", true, ICANON | ECHO | IEXTEN, 0, 0, 0},
    {"more, stty cbreak -echo, tty.setcbreak()", false, ICANON | ECHO, 0, 0, 0},
    {"top", false, ICANON | ECHO | ECHOE, 0, 0, 0},
    {"less, man, git log", false, ICANON | ECHO | ECHOE | ECHOK, 0, 0, 0},
    {"readline: bash, python3", false, ICANON | ECHO, ICRNL, 0, 0},
    {"zsh", false, ICANON | ECHO, 0, INLCR, 0},
    {"fish", false, ICANON | ECHO | IEXTEN, ICRNL | IXON, 0, 0},
    {"htop, watch", false, ICANON | ECHO, ICRNL, 0, ONLCR},
    {"vim", false, ICANON | ECHO | ECHOE | ISIG | IEXTEN, ICRNL | IXON, 0, ONLCR},
    {"tmux", false, ICANON | ECHO | ECHOE | ISIG | IEXTEN, ICRNL | IXON, 0, OPOST | ONLCR},
    {"stty raw -echo, tty.setraw()", false, ICANON | ECHO | ISIG, ICRNL | IXON, 0, OPOST},
};

static void
modes_of_programs_tell_whether_typing_is_hidden(void **state)
{
	struct termios begin = {
	    .c_iflag = ICRNL | IXON,
	    .c_oflag = OPOST | ONLCR,
	    .c_lflag = ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct termios modes = begin;

		modes.c_lflag &= ~programs[i].local_off;
		modes.c_iflag &= ~programs[i].input_off;
		modes.c_iflag |= programs[i].input_on;
		modes.c_oflag &= ~programs[i].output_off;
		if (pty_termios_hides(&modes) != programs[i].hides)
			fail_msg("%s: %d is wrong", programs[i].program, !programs[i].hides);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modes_of_programs_tell_whether_typing_is_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
