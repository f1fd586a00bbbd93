package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/viewing"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/web"
)

const viewerManual = `With --viewer it serves pages about the attestlog logs that it follows, to be read in a browser: what the logs' own pages show, with nobody's
server in between, every answer checked here, and this monitor's own alarms on all of them. Of a single log they stand at that
address; of several a list stands there, and the pages of each at a port of its own: the ones that follow.
`

// viewers are the listeners for pages, each with what answers there.
type viewers struct {
	listeners []net.Listener
	handlers  []http.Handler
}

// listen opens the ports of the pages: one for a single log, otherwise one for the list, and one for each log that has pages.
func (v *viewers) listen(address string, logs []monitor.LogConfig) error {
	host, port, err := net.SplitHostPort(address)
	first, bad := strconv.ParseUint(port, 10, 16)
	if err = errors.Join(err, bad); err != nil {
		return fmt.Errorf("%q is no address to listen on: want HOST:PORT", address)
	}
	want := 1
	for _, lc := range logs {
		if lc.Law && len(logs) > 1 {
			want++
		}
	}
	for i := range want {
		at := first
		if first > 0 {
			at += uint64(i)
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.FormatUint(at, 10)))
		if err != nil {
			return fmt.Errorf("couldn't listen for the viewer: %w", err)
		}
		v.listeners = append(v.listeners, l)
	}
	return nil
}

// close lets go of ports on which nobody serves, or no more.
func (v *viewers) close() {
	for _, l := range v.listeners {
		_ = l.Close() // whoever served on it has closed it
	}
}

// make makes what answers, of a monitor that is open.
func (v *viewers) make(c *serveConfig, cfg monitor.Config, m *monitor.Monitor) error {
	if len(v.listeners) == 0 {
		return nil
	}
	var list []web.Listed
	var pages []http.Handler
	for _, lc := range cfg.Logs {
		listed := web.Listed{Origin: lc.Key.Name()}
		if lc.Law {
			handler, err := c.pages(cfg, lc, m)
			if err != nil {
				return err
			}
			pages = append(pages, handler)
			if len(pages) < len(v.listeners) {
				listed.Port = v.listeners[len(pages)].Addr().(*net.TCPAddr).Port
			}
		}
		list = append(list, listed)
	}
	if len(cfg.Logs) == 1 && len(pages) == 1 {
		v.handlers = pages
		return nil
	}
	handler, err := web.NewList(list, m, cfg.Now)
	v.handlers = append([]http.Handler{handler}, pages...)
	return err
}

// pages are those of one log, which this monitor watches.
func (c *serveConfig) pages(cfg monitor.Config, lc monitor.LogConfig, m *monitor.Monitor) (http.Handler, error) {
	o := client.Options{LogKey: c.keys[lc.Key.Name()], HTTP: cfg.HTTP}
	viewing.ForPages(&o)
	through, err := client.New(c.bases[lc.Key.Name()], o)
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{Log: through, Policy: lc.Policy, Monitors: []web.Monitor{web.NewLocalMonitor("This monitor", lc.Key, m, cfg.Now)}, Logger: cfg.Logger,
		Notice: "These pages are a monitor's: they don't come from whoever runs the log, and what the log says is checked here."})
}

// serve answers everywhere until ctx ends, or until it can't at one place.
func (v *viewers) serve(ctx context.Context, logger *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var serving sync.WaitGroup
	failed := make([]error, len(v.handlers))
	for i, handler := range v.handlers {
		serving.Go(func() {
			defer cancel()
			failed[i] = viewing.Serve(ctx, v.listeners[i], handler, logger)
		})
	}
	serving.Wait()
	return errors.Join(failed...)
}
