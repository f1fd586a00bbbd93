// Package web is the viewer: pages on which someone without a terminal understands what an AI system did, checks it in her own
// browser, and takes the evidence home.
//
// It sees a log through [Log] alone, which *client.Client satisfies: what a page shows, anybody can fetch, and every answer went
// through the client's checks. So the same pages serve the operator's log, in attestlogd, and somebody else's, in attestlog view
// and attestlog-monitor. What a page needs that the API doesn't have becomes API, never a side door.
//
// A page is a Go file with a handler, a template of the same name that defines "content", and a line in [viewer.pages]. Handlers
// return errors, which become error pages in one place (errors.go). Pages are rendered into a buffer first: nobody gets half of one.
//
// Three rules hold everywhere:
//
//   - Whatever comes from events is hostile. It goes through html/template's escaping, and texts of free form through the part
//     "text", which isolates them, bounds them and makes control and bidi characters visible. Only web/drawing makes markup of its own.
//   - No inline script, style or handler, and nothing from another host: the Content-Security-Policy forbids it, and a test
//     holds every page against it. Pages are readable without JavaScript.
//   - What is proven, what is claimed, and what stays trusted are never mixed. Their sentences come from ledger/verify and
//     prover/statement, and nowhere is there a second wording of what a proof shows.
package web
