// SPDX-License-Identifier: ISC
// The half of `mirrord web` that browsers talk to, locked down.
#pragma once

#include "web/porter.h"

// `channel` and `dial` are ends of the pairs of channel.h. Serves until the porter says STOP or is gone.
// Returns the exit status, after a line on standard error if it failed.
int gateway_run(const struct gateway_options *options, int channel, int dial);
