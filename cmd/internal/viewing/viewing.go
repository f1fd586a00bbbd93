// Package viewing is what the programs have in common that serve the viewer: the monitors that it asks, how a client has to be for pages,
// and a server that people's own machines alone can reach.
package viewing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/web"
)

// HeadPatience is how long a page waits for a head that has what it shows: a log that waits for no witness publishes one a second.
const HeadPatience = time.Second

// ForPages makes a client of a log elsewhere impatient: a page that can't be shown now is better than one that may be shown in a minute. Whose
// cosignatures count is for the pages to say, and no reason to show nothing.
func ForPages(o *client.Options) {
	o.Retries, o.Pause, o.MaxPause, o.Patience, o.Policy = 2, 50*time.Millisecond, 500*time.Millisecond, HeadPatience, nil
}

// Monitors asks the monitors at these addresses about the log with a key, from now on until ctx ends; wait then waits for the last answers.
func Monitors(ctx context.Context, addresses []string, key note.Verifier, logger *slog.Logger) (monitors []web.Monitor, wait func(), err error) {
	var remote []*web.RemoteMonitor
	for _, address := range addresses {
		m, err := web.NewRemoteMonitor(web.RemoteConfig{URL: address, Key: key, Logger: logger})
		if err != nil {
			return nil, nil, fmt.Errorf("--monitor: %q: %w", address, err)
		}
		remote = append(remote, m)
		monitors = append(monitors, m)
	}
	var asking sync.WaitGroup
	for _, m := range remote {
		asking.Go(func() { m.Run(ctx) })
	}
	return monitors, asking.Wait, nil
}

// Serve answers on a listener until ctx ends, and then lets requests under way end, for a moment. It owns the listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("couldn't serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		_ = server.Close() // whoever is left has waited long enough
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("couldn't serve on %s: %w", listener.Addr(), err)
	}
	return nil
}

// The ports on which logs' pages usually are: below those that systems give to outgoing connections (from 32768 on, on Linux).
const (
	firstPort = 20000
	manyPorts = 12000
)

// Usual is the address on this machine where pages of the log with a key are: always the same, since a browser keeps what it remembers of a log, its
// key and the heads that it saw, by the address of the pages.
func Usual(key string) string {
	sum := sha256.Sum256([]byte(key))
	return net.JoinHostPort("127.0.0.1", strconv.FormatUint(firstPort+binary.BigEndian.Uint64(sum[:])%manyPorts, 10))
}

// ListenUsual listens on the usual address for the pages of the log with a key, or, where that can't be had, on any port that is free; moved is then why.
func ListenUsual(key string) (listener net.Listener, moved, err error) {
	if listener, moved = net.Listen("tcp", Usual(key)); moved == nil {
		return listener, nil, nil
	}
	listener, err = net.Listen("tcp", "127.0.0.1:0")
	return listener, moved, err
}

// CheckLocal tells whether only this machine can reach an address.
func CheckLocal(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address to listen on: want HOST:PORT", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q can be reached from elsewhere: want localhost, 127.0.0.1 or [::1] as host", address)
	}
	return nil
}

// Local answers requests alone that name this machine. A page of another host can have its own name lead here, and would read what is shown
// as if it were its own.
func Local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "This viewer is for this machine alone: use the address that it printed.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
