// SPDX-License-Identifier: ISC
// The commands. main.c holds the table of them, from which the usage text is printed. Each gets its
// own name as argv[0] and returns the exit status (sysexits for our own errors). `--help` and
// `--version` have been dealt with before.
#pragma once

int cmd_host(int argc, char **argv); // no command word: hosts a session
int cmd_attach(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_publish(int argc, char **argv);

int cmd_view(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_who(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_lock(int argc, char **argv);
int cmd_unlock(int argc, char **argv);
int cmd_say(int argc, char **argv);
int cmd_kick(int argc, char **argv);
int cmd_admit(int argc, char **argv);
int cmd_grant(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_guest(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_relay(int argc, char **argv);
int cmd_web(int argc, char **argv); // becomes mirrord-web, which is in web/
int cmd_doctor(int argc, char **argv);
int cmd_invite(int argc, char **argv);

// Hidden: what the keeper starts. argv: "mirror", the session's name, its start in unix seconds.
int cmd_mirror(int argc, char **argv);
// Hidden: tries every system call number in a sandboxed child of each role, and prints what the list
// allows, one a line: role, call, condition or "-". Fails if the kernel lets anything else through.
int cmd_sandbox_test(int argc, char **argv);
