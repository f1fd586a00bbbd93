// Package api is the log's edge: REST on chi, described by openapi.yaml, and the C2SP tlog-tiles read path at the root.
//
// The rules of the house:
//
//   - openapi.yaml is the contract. The tests send all of their traffic through a validator of it, and hold its paths against the router's.
//   - Whatever goes wrong becomes one RFC 9457 problem document, in problem.go and nowhere else. Everything below the edge
//     says no by a *ledger.Refusal.
//   - Every body is bounded before it is read, and all bodies in memory together are bounded too.
//   - Writing is the hot path: bodies are cut by a scanner that looks at each byte once (scan.go), and answers are appended by hand (encode.go).
//   - What is read is public: any origin may read it, and what can't change says so to caches.
package api
