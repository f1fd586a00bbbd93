// Command attestlogd runs a log: it is the operator's program.
//
//	attestlogd init    make a log: its keys, its statements, its first entries
//	attestlogd serve   serve it over HTTP
//	attestlogd source  register, rotate and revoke the keys of sources
//	attestlogd operator rotate  replace the operator's own key
//	attestlogd statement list, add, revoke: the statements under which the log takes proofs
//	attestlogd reindex rebuild everything that is derived from the log's entries
//	attestlogd health  ask a running server how it is
//	attestlogd database-url  say how to reach its private PostgreSQL, for a proving worker
//
// # The data directory
//
// One directory holds a log. PostgreSQL may lie in it or elsewhere.
//
//	log.key         the key that signs checkpoints (0600), as golang.org/x/mod/sumdb/note writes it
//	log.pub         its public half, which auditors pin
//	operator.key    the operator's key as a source (0600); it signs registrations. Beside it, while it is rotated, operator.key.new
//	operator.state  where the operator's own chain of events stands
//	heads           every checkpoint that was signed: keep it when you restore the database
//	suspicions/     requests that a witness refused as if another history were signed: evidence, made when it happens
//	keys/           proving and verifying keys, a directory for each statement
//	postgres/       the private PostgreSQL, where no --database-url is given
//
// # Memory
//
// serve lets its heap grow to five times what is in use before it collects garbage, because what it does makes much of it; above
// 1 GiB it collects more often. Where that is too much or too little, the environment variables of every Go program say
// otherwise: GOGC=100 collects when the heap has doubled, GOMEMLIMIT=300MiB holds the process to about so much.
//
// # Exit codes
//
//	0  it did what it was asked to
//	1  it couldn't, and says why in one line on standard error
//	2  the command line makes no sense
package main

import (
	"os"

	"github.com/attestlog/attestlog/cmd/internal/command"
)

func main() { os.Exit(program().Main()) }

func program() *command.Program {
	return &command.Program{
		Name:    "attestlogd",
		Summary: "runs a transparency log for AI systems.",
		Commands: []command.Command{
			{Name: "init", Args: "--data DIR --origin ORIGIN [flags]", Summary: "make a log: its keys, its statements, its first entries", Bind: bindInit},
			{Name: "serve", Args: "--data DIR [flags]", Summary: "serve a log over HTTP", Bind: bindServe},
			{Name: "source add", Args: "--data DIR --request FILE [flags]", Summary: "register a source", Bind: bindSourceAdd},
			{Name: "source rotate", Args: "--data DIR --request FILE [flags]", Summary: "give a source a new key, on the operator's word alone", Bind: bindSourceRotate},
			{Name: "source revoke", Args: "--data DIR --source NAME [flags]", Summary: "end a source's key", Bind: bindSourceRevoke},
			{Name: "operator rotate", Args: "--data DIR [flags]", Summary: "replace the operator's own key", Bind: bindOperatorRotate},
			{Name: "statement list", Args: "--data DIR [flags]", Summary: "list the statements under which the log takes proofs", Bind: bindStatementList},
			{Name: "statement add", Args: "--data DIR --keys DIR --statement NAME | --ceremony DIR [flags]", Summary: "register keys that a set-up or a ceremony made", Bind: bindStatementAdd},
			{Name: "statement revoke", Args: "--data DIR --statement DIGEST [flags]", Summary: "take no more proofs under a statement, and put earlier ones in doubt", Bind: bindStatementRevoke},
			{Name: "reindex", Args: "--data DIR [flags]", Summary: "rebuild everything that is derived from the log's entries", Bind: bindReindex},
			{Name: "health", Args: "[flags]", Summary: "ask a running server how it is", Bind: bindHealth},
			{Name: "database-url", Args: "--data DIR [flags]", Summary: "say how to reach the private PostgreSQL of a running log", Bind: bindDatabaseURL},
		},
	}
}
