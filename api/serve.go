package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve answers on a listener until ctx ends, then lets requests under way finish for at most the given grace, and returns nil.
// It owns the listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger, grace time.Duration) error {
	server := &http.Server{
		Handler: handler,
		// Bodies and answers have deadlines of their own, set by route: a proving key takes minutes, an event doesn't.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("couldn't serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) { // somebody is still reading: his connection breaks
		err = server.Close()
	}
	if ended := <-failed; err == nil && !errors.Is(ended, http.ErrServerClosed) {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("couldn't close the server: %w", err)
	}
	return nil
}
