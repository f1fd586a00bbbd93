package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	commandline "github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/viewing"
	"github.com/attestlog/attestlog/web"
)

const viewManual = `Serves pages about a log on this machine, for a browser on this machine, until Ctrl-C: what the log's own pages show, without its operator's
web server in between. Every answer of the log is checked here, and its heads must continue those that were seen here before.

--policy says whose cosignatures count, on the pages. --monitor, which may be given more than once, names monitors that watch the log (default
$ATTESTLOG_MONITORS, with commas between): what they say stands on the pages, and an alarm on all of them.
`

type viewCommand struct {
	log      logFlags
	listen   string
	monitors commandline.Repeated
}

func bindView(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	v := new(viewCommand)
	v.log.bind(fs)
	fs.StringVar(&v.listen, "listen", "127.0.0.1:0", "the `address` to serve the pages on, of this machine alone; port 0 is any that is free")
	fs.Var(&v.monitors, "monitor", "the `address` of a monitor that watches the log; may be given more than once")
	return v.run
}

func (v *viewCommand) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) > 1 || len(args) == 1 && v.log.server != "" {
		return misuse("%q is one argument too many", args[len(args)-1])
	}
	if len(args) == 1 {
		v.log.server = args[0]
	}
	if named := os.Getenv("ATTESTLOG_MONITORS"); v.monitors == nil && named != "" {
		v.monitors = strings.Split(named, ",")
	}
	policy, err := v.log.witnesses()
	if err != nil {
		return err
	}
	r, err := v.log.connectAs(t, viewing.ForPages)
	if err != nil {
		return err
	}
	if err := viewing.CheckLocal(v.listen); err != nil {
		return misuse("--listen: %w", err)
	}
	listener, err := net.Listen("tcp", v.listen)
	if err != nil {
		return fmt.Errorf("couldn't listen: %w", err)
	}
	defer listener.Close()
	// A wrong key or address is better told at once than on every page.
	if _, err := r.Checkpoint(ctx); err != nil && !client.HasCode(err, client.CodeNotFound) {
		return r.judge(ctx, err)
	}
	logger := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	serving, stop := context.WithCancel(ctx)
	defer stop()
	monitors, wait, err := viewing.Monitors(serving, v.monitors, r.Key(), logger)
	if err != nil {
		return misuse("%w", err)
	}
	defer func() { stop(); wait() }()
	pages, err := web.New(web.Config{Log: r.Client, Policy: policy, Monitors: monitors, Logger: logger,
		Notice: "You view this log from this machine: its operator's web server is not asked for pages, and what it says is checked here."})
	if err != nil {
		return err
	}
	address := "http://" + listener.Addr().String() + "/"
	t.say("%s", address)
	if t.json {
		t.printJSON(map[string]any{"log": r.Origin(), "url": address})
	}
	fmt.Fprintf(t.err, "Open it in a browser. Ctrl-C ends it.\n")
	if err := viewing.Serve(serving, listener, viewing.Local(pages), logger); err != nil {
		return err
	}
	return r.judge(ctx, nil)
}
