// Package browser has the tests that look at the viewer's pages in a browser: Chromium without a window, driven by playwright-core.
//
// What is done in the browser stands in small files of JavaScript beside this one (driver.mjs is where they begin); what must come out of
// it stands in the tests, which are Go. scripts/install-chromium installs what they need, and `make test` calls it. Pictures of every
// page are left in .cache/screenshots, or where $ATTESTLOG_SCREENSHOTS says.
package browser
