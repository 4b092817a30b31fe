// SPDX-License-Identifier: ISC
// What can be seen of a set-up on the machine itself: the account, its files of keys, sshd's configuration,
// the directories of sockets.
#include "server/base/session.h"
#include "server/setup/doctor.h"
#include "server/setup/record.h"
#include "server/setup/sshd.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKETS "/run/mirrord"

// ---- files of keys -------------------------------------------------------------------------------

// Whether sshd trusts one part of the path, and guests cannot change it.
static void
look_at_part(struct doctor *doctor, const struct doctor_account *account, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		doctor_add(doctor, DOCTOR_UNKNOWN, "%s: %s", path, strerror(errno));
		return;
	}
	if (st.st_uid != 0 && (st.st_uid != account->uid || account->guests)) {
		doctor_add(doctor, DOCTOR_HOLE, "%s belongs to uid %lu, %s", path,
		    (unsigned long)st.st_uid,
		    st.st_uid == account->uid ? "the guests' own account, which could let others in"
					      : "who could let others in");
		doctor_advise(doctor, "chown root %s", path);
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		doctor_add(doctor, DOCTOR_HOLE,
		    "%s can be written by others (mode %04o), and sshd ignores such keys", path,
		    (unsigned)(st.st_mode & 07777));
		if (st.st_mode & S_ISVTX)
			doctor_advise(
			    doctor, "keep the file of keys elsewhere: %s is for all", path);
		else
			doctor_advise(doctor, "chmod go-w %s", path);
	}
}

// The file and what is above it: up to the home, as sshd does, or to the root.
static void
look_at_path(struct doctor *doctor, const struct doctor_account *account, const char *file)
{
	size_t holes = doctor->holes, unknown = doctor->unknown;
	char path[PATH_MAX];

	doctor->where = file;
	if (!realpath(file, path)) // as sshd looks at it
		*path = 0;
	while (*path) {
		look_at_part(doctor, account, path);
		if (strcmp(path, account->home) == 0)
			break;
		*strrchr(path, '/') = 0;
	}
	if (doctor->holes == holes && doctor->unknown == unknown)
		doctor_add(doctor, DOCTOR_OK, "nobody else can change it");
}

static void
look_at_keys(struct doctor *doctor, const struct doctor_account *account, const char *file)
{
	size_t len;
	char *text = record_read_file(file, &len);

	doctor->where = file;
	if (text) {
		look_at_path(doctor, account, file);
		doctor_keys(doctor, account, file, text, len);
	} else if (errno != ENOENT) {
		doctor_add(doctor, DOCTOR_UNKNOWN, "cannot read it: %s", strerror(errno));
	} else if (account->guests) {
		doctor_add(doctor, DOCTOR_OK, "there is none");
	}
	free(text);
}

// One word of AuthorizedKeysFile: %h, %u, %%, and relative to the home.
static void
expand(const struct doctor_account *account, const char *word, size_t len, char path[PATH_MAX])
{
	size_t used = 0;

	*path = 0;
	if (*word != '/' && (len < 2 || strncmp(word, "%h", 2) != 0))
		used = (size_t)snprintf(path, PATH_MAX, "%.2000s/", account->home);
	for (size_t i = 0; i < len && used < PATH_MAX - 2; i++) {
		const char *part = NULL;

		if (word[i] == '%' && i + 1 < len)
			part = word[++i] == 'h' ? account->home
			       : word[i] == 'u' ? account->name
						: "%";
		if (part)
			used += (size_t)snprintf(
			    path + used, PATH_MAX - used, "%.*s", PATH_MAX / 4, part);
		else
			path[used++] = word[i];
		path[used] = 0;
	}
}

static void
look_at_all_keys(struct doctor *doctor, const struct doctor_account *account, const char *words)
{
	char path[PATH_MAX];

	while (*(words += strspn(words, " "))) {
		size_t len = strcspn(words, " ");

		expand(account, words, len, path);
		if (strncmp(words, "none", len) != 0)
			look_at_keys(doctor, account, path);
		words += len;
	}
}

// ---- the account ---------------------------------------------------------------------------------

static void
look_at_shell(struct doctor *doctor, const struct passwd *user)
{
	const char *name = strrchr(user->pw_shell, '/');

	name = name ? name + 1 : user->pw_shell;
	if (strcmp(name, "nologin") == 0 || strcmp(name, "false") == 0) {
		doctor_add(doctor, DOCTOR_HOLE,
		    "its shell is %s: sshd runs forced commands through it, so nobody can watch",
		    user->pw_shell);
	} else if (*name && strcmp(name, "sh") != 0 && strcmp(name, "dash") != 0) {
		doctor_add(doctor, DOCTOR_HOLE,
		    "its shell is %s, a login shell that reads files of its own before the forced "
		    "command",
		    user->pw_shell);
	} else {
		doctor_add(doctor, DOCTOR_OK, "its shell runs forced commands and nothing else");
		return;
	}
	doctor_advise(doctor, "usermod --shell /bin/sh %s", user->pw_name);
}

static void
look_at_password(struct doctor *doctor, const struct doctor_account *account)
{
	const struct spwd *shadow = getspnam(account->name);

	if (!shadow) {
		doctor_add(doctor, DOCTOR_UNKNOWN, "whether it has a password: only root can tell");
	} else if (!*shadow->sp_pwdp || strchr("$_./", *shadow->sp_pwdp) ||
		   strlen(shadow->sp_pwdp) == 13) {
		doctor_add(doctor, DOCTOR_HOLE, "%s",
		    *shadow->sp_pwdp ? "it has a password" : "its password is empty");
		doctor_advise(doctor, "usermod --password '*' %s", account->name);
	} else {
		doctor_add(doctor, DOCTOR_OK, "no password fits");
	}
}

static void
look_at_groups(struct doctor *doctor, const struct passwd *user)
{
	gid_t groups[64];
	int count = 64;
	bool more = getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0;

	for (int i = 0; i < count && !more; i++) {
		const struct group *group = groups[i] == user->pw_gid ? NULL : getgrgid(groups[i]);

		if (!group)
			continue;
		doctor_add(doctor, DOCTOR_HOLE, "it is in the group %s, and may do what that may",
		    group->gr_name);
		doctor_advise(doctor, "gpasswd --delete %s %s", user->pw_name, group->gr_name);
	}
}

static void
look_at_home(struct doctor *doctor, const struct doctor_account *account)
{
	struct stat st;

	if (stat(account->home, &st) < 0)
		return; // none: nothing to write to
	if (st.st_uid == account->uid || (st.st_mode & S_IWOTH)) {
		doctor_add(doctor, DOCTOR_HOLE, "guests own its home, %s", account->home);
		doctor_advise(
		    doctor, "chown root: %s && chmod 755 %s", account->home, account->home);
	} else {
		doctor_add(doctor, DOCTOR_OK, "its home is not its own to write to");
	}
}

static void
look_at_account(struct doctor *doctor, const struct doctor_account *account)
{
	const struct passwd *user = getpwnam(account->name);

	doctor->where = account->name;
	if (!user)
		return;
	if (user->pw_uid == 0) {
		doctor_add(doctor, DOCTOR_HOLE, "it is root");
		return;
	}
	look_at_shell(doctor, user);
	look_at_groups(doctor, getpwnam(account->name));
	look_at_home(doctor, account);
	look_at_password(doctor, account);
}

// ---- sshd ----------------------------------------------------------------------------------------

// What holds for every account that guests log in to.
static const struct sshd_rule always[] = {
    {"PermitUserEnvironment", "no",
	"set variables such as LD_PRELOAD by a line of a key or a file"},
    {"StrictModes", "yes", "log in with keys from a file that others can write"},
};
// What holds for an account of nobody else's, whoever made it.
static const struct sshd_rule for_guests[] = {
    {"AuthorizedKeysCommand", "none", "log in with keys that stand in no file"},
    {"TrustedUserCAKeys", "none", "log in with a certificate, past the options of every line"},
    {"PermitEmptyPasswords", "no", "log in without a password"},
};

static void
look_at_rules(
    struct doctor *doctor, const char *config, const struct sshd_rule *rules, size_t count)
{
	char value[512];

	for (size_t i = 0; i < count; i++) {
		const struct sshd_rule *rule = &rules[i];

		if (!rule->hole || !sshd_value(config, rule->keyword, value, sizeof(value)))
			continue;
		if (strcasecmp(value, rule->value) == 0) {
			doctor_add(doctor, DOCTOR_OK, "%s %s", rule->keyword, value);
			continue;
		}
		doctor_add(doctor, DOCTOR_HOLE, "%s is %.100s: guests could %s", rule->keyword,
		    value, rule->hole);
		doctor_advise(doctor, "%s %s in sshd_config", rule->keyword, rule->value);
	}
}

static void
look_at_forced(struct doctor *doctor, const char *config)
{
	char value[512] = "none";

	sshd_value(config, "ForceCommand", value, sizeof(value));
	if (strstr(value, " relay login ")) {
		doctor_add(doctor, DOCTOR_OK, "ForceCommand %s", value);
		return;
	}
	doctor_add(doctor, DOCTOR_HOLE,
	    "ForceCommand is %.200s, and not `" MIRRORD_NAME " relay login`", value);
	doctor_advise(doctor, MIRRORD_NAME " relay setup, and look what stands before its file");
}

static void
look_at_sshd(struct doctor *doctor, const struct doctor_account *account, const char *config)
{
	doctor->where = "sshd";
	look_at_rules(doctor, config, always, sizeof(always) / sizeof(always[0]));
	if (account->guests)
		look_at_rules(
		    doctor, config, for_guests, sizeof(for_guests) / sizeof(for_guests[0]));
	if (account->made) {
		look_at_forced(doctor, config);
		look_at_rules(doctor, config, sshd_rules, sshd_rule_count);
	}
}

// ---- sockets -------------------------------------------------------------------------------------

static void
look_at_sockets(struct doctor *doctor)
{
	char path[PATH_MAX], why[SESSION_WHY];
	DIR *dir = opendir(SOCKETS);
	struct dirent *entry;

	doctor->where = SOCKETS;
	if (!dir)
		return;
	if (!session_dir_ok(SOCKETS, 0, why)) {
		doctor_add(doctor, DOCTOR_HOLE, "%.300s", why);
		doctor_advise(doctor, "chown root:root " SOCKETS " && chmod 755 " SOCKETS);
	}
	while ((entry = readdir(dir))) {
		const struct passwd *user = getpwnam(entry->d_name);

		if (*entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), SOCKETS "/%s", entry->d_name);
		if (!user || !session_dir_ok(path, user->pw_uid, why)) {
			doctor_add(doctor, DOCTOR_HOLE, "%.300s",
			    user ? why : "a directory of nobody's stands there");
			doctor_advise(
			    doctor, "chown %s %s && chmod 2750 %s", entry->d_name, path, path);
		}
	}
	closedir(dir);
}

void
doctor_local(struct doctor *doctor, const struct doctor_account *account, const char *file)
{
	char *config = malloc(SSHD_CONFIG_MAX), words[512];
	bool known = config && sshd_program() && sshd_effective(account->name, config);

	if (account->guests)
		look_at_account(doctor, account);
	if (file)
		look_at_keys(doctor, account, file);
	else if (known && sshd_value(config, "AuthorizedKeysFile", words, sizeof(words)))
		look_at_all_keys(doctor, account, words);
	else
		look_at_all_keys(doctor, account, ".ssh/authorized_keys .ssh/authorized_keys2");
	if (known) {
		look_at_sshd(doctor, account, config);
	} else {
		doctor->where = "sshd";
		doctor_add(doctor, DOCTOR_UNKNOWN, "its configuration: %.200s",
		    geteuid() ? "only root can ask for it"
		    : config  ? config
			      : "no memory");
	}
	look_at_sockets(doctor);
	free(config);
}
