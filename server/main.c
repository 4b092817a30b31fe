// SPDX-License-Identifier: ISC
#include <stdio.h>
int
main(void)
{
	puts("mirrord " MIRRORD_VERSION);
	return 0;
}
