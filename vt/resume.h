// SPDX-License-Identifier: ISC
// Hands a running program over to another terminal.
#pragma once

#include "vt/ansi.h"
#include "vt/model.h"

// Appends what brings a terminal of the model's size, in its usual state and on a fresh screen, to
// where the program left its terminal: both screens and their saved cursors, margins, tab stops,
// pen, character sets, modes, keyboard, title, and the cursor. The bytes of a sequence that is half
// received (model_partial()) are for the caller to send again. Lost: what REP would repeat, which
// cells are protected (DECSCA), saved titles and modes. Publishes the model's rows, else
// leaves it as it is.
void model_resume(struct model *model, const struct ansi_caps *caps, struct buf *out);
