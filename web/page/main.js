// SPDX-License-Identifier: ISC
// Stands here until there is a page.
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
document.getElementById("state").textContent = token ? "There is a token." : "There is no token.";
