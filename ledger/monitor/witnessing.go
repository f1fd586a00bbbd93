package monitor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/attestlog/attestlog/ledger/monitor/witness"
	"github.com/attestlog/attestlog/ledger/verify"
)

// WitnessHandler serves a witness of the same logs (C2SP tlog-witness), and hands every note that it is shown on to the monitor: a head that a log shows its
// witnesses is held against what it shows everybody else, and one that the witness refuses may be half of a fork.
//
// A cosignature says what the specification says: that the head continues all those that were cosigned before. It doesn't say that
// the entries are lawful, and doesn't wait until this monitor has read them: a log waits for its witnesses, and a first sync takes time.
// What is unlawful is an alarm's business.
func (m *Monitor) WitnessHandler(w *witness.Witness) http.Handler {
	inner := w.Handler()
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if in.Method != http.MethodPost {
			inner.ServeHTTP(out, in)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(out, in.Body, verify.MaxAddCheckpoint))
		if err != nil {
			http.Error(out, fmt.Sprintf("couldn't read the request: at most %d bytes are allowed", verify.MaxAddCheckpoint), http.StatusRequestEntityTooLarge)
			return
		}
		in.Body = io.NopCloser(bytes.NewReader(body))
		inner.ServeHTTP(out, in)
		if request, err := verify.ParseAddCheckpoint(body); err == nil {
			select {
			case m.witnessed <- request.Note:
			default: // there are more than enough to look at; the log will publish the head
			}
		}
	})
}

// attend takes what the witness was shown, until ctx ends.
func (m *Monitor) attend(ctx context.Context) error {
	for {
		select {
		case note := <-m.witnessed:
			if err := m.Receive(ctx, &verify.Gossip{Checkpoints: [][]byte{note}}, "witness"); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}
