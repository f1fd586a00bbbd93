package main

import (
	"flag"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/health"
)

// bindHealth is attestlogd health, which container engines run.
func bindHealth(fs *flag.FlagSet) command.Run {
	return health.Question{URL: "http://127.0.0.1:8080", Of: "the `URL` of the server", Page: "readyz", Answer: "ready"}.Bind(fs)
}
