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

A browser keeps what it remembers of a log, its key and the heads that it saw, by the address of the pages. So each log has a port of its own, from
20000 to 31999, which follows from its key; where it is taken, the pages are on any that is free, and a line says so. --listen names another address.

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
	fs.StringVar(&v.listen, "listen", "", "the `address` to serve the pages on, of this machine alone; port 0 is any that is free (default 127.0.0.1 and the log's own port)")
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
	listener, err := v.listener(t, r.VKey())
	if err != nil {
		return err
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

// listener listens where the pages are to be: by default at the address that is the log's own.
func (v *viewCommand) listener(t *terminal, key string) (net.Listener, error) {
	if v.listen != "" {
		if err := viewing.CheckLocal(v.listen); err != nil {
			return nil, misuse("--listen: %w", err)
		}
		listener, err := net.Listen("tcp", v.listen)
		if err != nil {
			return nil, fmt.Errorf("couldn't listen: %w", err)
		}
		return listener, nil
	}
	listener, moved, err := viewing.ListenUsual(key)
	if err != nil {
		return nil, fmt.Errorf("couldn't listen: %w", err)
	}
	if moved != nil {
		fmt.Fprintf(t.err, "The pages of this log are usually at http://%s/, and can't be this time: %v.\nA browser knows nothing at another address of what it remembers of the log.\n", viewing.Usual(key), moved)
	}
	return listener, nil
}
