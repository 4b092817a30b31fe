// SPDX-License-Identifier: ISC
// sshd's configuration, as sshd itself reads it.
#include "server/setup/sshd.h"

#include "server/base/run.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <unistd.h>

// What a line of a guest's key has in `restrict` stands here again, for the line where it is missing.
const struct sshd_rule sshd_rules[] = {
    {"AuthenticationMethods", "publickey", "log in without a key"},
    {"PubkeyAuthentication", "yes", NULL},
    {"PasswordAuthentication", "no", "try passwords"},
    {"KbdInteractiveAuthentication", "no", "try passwords"},
    {"AuthorizedKeysCommand", "none", "log in with keys that stand in no file"},
    {"TrustedUserCAKeys", "none", "log in with a certificate"},
    {"DisableForwarding", "yes", "forward ports, agents and displays"},
    {"AllowTcpForwarding", "no", "reach other machines through this one"},
    {"AllowStreamLocalForwarding", "no", "reach unix sockets of this machine"},
    {"AllowAgentForwarding", "no", "leave a socket of an agent here"},
    {"X11Forwarding", "no", "forward a display"},
    {"PermitTunnel", "no", "join this machine's network"},
    {"PermitUserRC", "no", "run a file of the account's"},
    {"MaxSessions", "1", "open more sessions in one connection"},
    {"PermitTTY", "yes", NULL},
    {"ExposeAuthInfo", "yes", NULL},     // for `mirrord relay login`
    {"ClientAliveInterval", "30", NULL}, // guests whose line is dead leave after 90 s
    {"ClientAliveCountMax", "3", NULL},
};
const size_t sshd_rule_count = sizeof(sshd_rules) / sizeof(sshd_rules[0]);

const char *
sshd_program(void)
{
	// It wants to be called by its whole path.
	static const char *const places[] = {
	    "/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd", "/usr/bin/sshd"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

// The last line is the one that says why.
static void
keep_last_line(char *text)
{
	size_t len = strlen(text);
	char *line;

	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = 0;
	line = strrchr(text, '\n');
	if (line)
		memmove(text, line + 1, strlen(line + 1) + 1);
	for (char *c = text; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = ' ';
	}
}

bool
sshd_test(char *why, size_t size)
{
	char *argv[] = {(char *)sshd_program(), "-t", NULL};

	if (!argv[0]) {
		snprintf(why, size, "there is no sshd on this machine");
		return false;
	}
	if (run_program(argv, why, size) == 0)
		return true;
	keep_last_line(why);
	return false;
}

bool
sshd_effective(const char *user, char config[SSHD_CONFIG_MAX])
{
	char who[256];
	char *argv[] = {(char *)sshd_program(), "-T", "-C", who, NULL};

	// All that a Match may ask for; from an address that stands for all others (RFC 5737).
	snprintf(who, sizeof(who),
	    "user=%.64s,host=guest.example.net,addr=192.0.2.1,laddr=192.0.2.2,lport=22", user);
	if (!argv[0]) {
		snprintf(config, SSHD_CONFIG_MAX, "there is no sshd on this machine");
		return false;
	}
	if (run_program(argv, config, SSHD_CONFIG_MAX) == 0)
		return true;
	keep_last_line(config);
	return false;
}

bool
sshd_value(const char *config, const char *keyword, char *value, size_t size)
{
	size_t len = strlen(keyword);

	for (const char *line = config; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncasecmp(line, keyword, len) != 0 || line[len] != ' ')
			continue;
		line += len + 1;
		snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

// Whether the process is an sshd: a pid file may be older than the machine's start.
static bool
is_sshd(pid_t pid)
{
	char link[64], name[32] = "";
	FILE *file;

	snprintf(link, sizeof(link), "/proc/%ld/comm", (long)pid);
	file = fopen(link, "re");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		*name = 0;
	fclose(file);
	return strcmp(name, "sshd\n") == 0;
}

long
sshd_reload(void)
{
	char *config = malloc(SSHD_CONFIG_MAX), path[256];
	bool known = config && sshd_effective("root", config) &&
		     sshd_value(config, "PidFile", path, sizeof(path)) && *path == '/';
	FILE *file = known ? fopen(path, "re") : NULL;
	long pid = 0;

	free(config);
	if (!file)
		return known && errno == ENOENT ? 0 : -1;
	if (fscanf(file, "%ld", &pid) != 1 || pid <= 1 || !is_sshd((pid_t)pid))
		pid = 0;
	fclose(file);
	if (pid && kill((pid_t)pid, SIGHUP) < 0)
		return -1;
	return pid;
}
