package worker

import (
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/api/client"
)

// ErrMute says that a worker can add nothing to the log any more, so that there is no sense in proving.
var ErrMute = errors.New("couldn't go on working: no attestation can be added to the log any more")

// Err is why the worker can't go on, wrapping [ErrMute]: Run ends with it as soon as the jobs under way have been given back. It is nil as long as the
// worker can work.
func (w *Worker) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// checkMute ends the worker if its recorder has stopped for good, or refused says that the log takes nothing from its key any more.
func (w *Worker) checkMute(refused error) {
	cause := w.c.Recorder.Err()
	for _, code := range []string{client.CodeRevokedKey, client.CodeWrongKey, client.CodeUnknownSource} {
		if cause == nil && client.HasCode(refused, code) {
			cause = refused
		}
	}
	if cause == nil {
		return
	}
	w.mu.Lock()
	if w.failed == nil {
		w.failed = fmt.Errorf("%w: %w", ErrMute, cause)
	}
	w.mu.Unlock()
	w.giveUp(cause)
}
