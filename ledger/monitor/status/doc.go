// Package status is what a monitor says of itself to whoever asks, and how it is asked.
//
//	GET /v1/status[?log=ORIGIN]       a [Report]: of each log that it follows how far it came, what is wrong, and the alarms that it raised
//	GET /v1/evidence/{log}/{file}     a file that an alarm rests on, verbatim; {log} is [LogDir] of the origin
//
// It stands apart from package monitor so that a viewer can ask monitors without linking one.
//
// Nothing in a report is proven by it. It is the word of whoever runs the monitor, but for two things that whoever has the log's key can check: the head, which is
// a note that the log signed, and the evidence of a fork (verify.ParseFork).
//
// A report is JSON, at most [MaxReport] bytes of it, and read strictly: what this version doesn't know is refused, so that a change of it comes with a new path.
package status
