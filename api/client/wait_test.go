package client_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
)

// eventually polls for something that another goroutine brings about and gives no signal of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 20 s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// waitUntilQueued waits until n drafts were handed to a source whose worker took the first and is held up.
func waitUntilQueued(t testing.TB, s *client.Source, n int) {
	eventually(t, "the drafts are queued", func() bool { return s.Queued() == n-1 })
}

// waitForPending waits until a state file has a pending event at its end.
func waitForPending(t testing.TB, state string) {
	eventually(t, "an event is on disk", func() bool {
		b, err := os.ReadFile(state)
		return err == nil && bytes.LastIndex(b, []byte(`"pending":`)) > bytes.LastIndex(b, []byte(`{"log":`)) && bytes.HasSuffix(b, []byte("]}"))
	})
}
