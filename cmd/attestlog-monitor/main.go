// Command attestlog-monitor watches logs, so that their operators can't show two people two histories, or break the law of the log, without
// leaving evidence.
//
//	attestlog-monitor serve    follow logs, gossip with other monitors, raise alarms; be a witness, too
//	attestlog-monitor check    read and judge everything up to the newest heads, once
//	attestlog-monitor status   say how it stands with each log, and what alarms there are
//	attestlog-monitor keygen   make a witness's key
//	attestlog-monitor health   ask a running monitor how it is
//
// `attestlog-monitor help COMMAND` has the details; package ledger/monitor says what is checked, and what is kept where.
//
// # Exit codes
//
//	0  it did what it was asked to, and there is no alarm
//	1  it couldn't, and says why in one line on standard error
//	2  the command line makes no sense
//	3  there are alarms: a log did what it should not have done
package main

import (
	"os"

	"github.com/attestlog/attestlog/cmd/internal/command"
)

func main() { os.Exit(program().Main()) }

func program() *command.Program {
	return &command.Program{
		Name:    "attestlog-monitor",
		Summary: "watches logs, so that none can show two histories or break its own law.",
		Commands: []command.Command{
			{Name: "serve", Args: "--state DIR (--logs FILE | --log-key KEY --server URL) [flags]", Summary: "follow logs, gossip, raise alarms", Manual: serveManual, Bind: bindServe},
			{Name: "check", Args: "--state DIR (--logs FILE | --log-key KEY --server URL) [flags]", Summary: "judge everything up to the newest heads, once", Manual: checkManual, Bind: bindCheck},
			{Name: "status", Args: "(--state DIR | --url URL) [flags]", Summary: "how it stands with each log, and what alarms there are", Manual: statusManual, Bind: bindStatus},
			{Name: "keygen", Args: "FILE --name NAME", Summary: "make a witness's key", Manual: keygenManual, Bind: bindKeygen},
			{Name: "health", Args: "[flags]", Summary: "ask a running monitor how it is", Bind: bindHealth},
		},
	}
}
