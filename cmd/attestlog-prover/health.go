package main

import (
	"flag"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/health"
)

func bindHealth(fs *flag.FlagSet) command.Run {
	return health.Question{URL: "http://127.0.0.1:9464", Of: "the `URL` of the worker's --metrics-listen", Page: "healthz", Answer: "ok"}.Bind(fs)
}
