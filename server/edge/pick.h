// SPDX-License-Identifier: ISC
// Lets a guest who may watch several sessions choose one, on their own terminal.
#pragma once

#include "server/base/session.h"

#include <stdbool.h>
#include <stdint.h>

// Until a session is chosen (EX_OK), or the guest leaves or `until` (unix seconds, 0: never) is
// over (EX_OK too, and `*left`). Sessions that come and go meanwhile do so in the list. Another of
// sysexits: with errno, for the terminal cannot be used.
int pick_session(uint64_t until, struct session *session, bool *left);
