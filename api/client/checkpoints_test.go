package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
)

// publishing is a memLog that lists the heads that it published, oldest first in heads.
type publishing struct {
	*memLog
	heads []ledger.PublishedHead
	spoil func(from, to int64, hashes [][32]byte) // does what it wants with a consistency proof; nil for nothing
}

// publish has a log grow by so many entries, one and one head at a time.
func (p *publishing) publish(t *testing.T, source string, n int) {
	for range n {
		p.fill(t, source, 1)
		head, _ := p.Published()
		p.heads = append(p.heads, head)
	}
}

func (p *publishing) Checkpoints(_ context.Context, before int64, limit int) (list []ledger.PublishedHead, err error) {
	for _, h := range slices.Backward(p.heads) {
		if (before == 0 || h.Size < before) && len(list) < limit {
			list = append(list, h)
		}
	}
	return list, nil
}

func (p *publishing) Consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	hashes, err := p.memLog.Consistency(ctx, from, to)
	if err == nil && p.spoil != nil {
		p.spoil(from, to, hashes)
	}
	return hashes, err
}

// TestCheckpoints lists heads that continue each other: it takes few requests, and not one head passes that is of another history.
func TestCheckpoints(t *testing.T) {
	asked := func(f *faulty) *atomic.Int32 {
		n := new(atomic.Int32)
		f.set(func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			n.Add(1)
			return send()
		})
		return n
	}
	t.Run("in few requests", func(t *testing.T) {
		log := &publishing{memLog: newMemLog(t)}
		log.publish(t, "gateway/1", 60)
		c, transport := connect(t, serveLog(t, log, nil), log.public)
		see(t, c)
		log.publish(t, "gateway/1", 1)
		for _, step := range []struct {
			before  int64
			limit   int
			want    int
			newest  int64
			atMost  int32
			because string
		}{
			{0, 50, 50, 61, 3, "the list, with its proofs, and one proof of the newest"},
			{0, 50, 50, 61, 1, "all are known"},
			{12, 50, 11, 11, 3, "the list, with its proofs, and one proof of the first"},
			{0, 1000, 61, 61, 1, "all are known"},
		} {
			n := asked(transport)
			heads, err := c.Checkpoints(t.Context(), step.before, step.limit)
			if err != nil || len(heads) != step.want || heads[0].Size != step.newest || n.Load() > step.atMost {
				t.Errorf("before %d: %d heads, %v, in %d requests; want %d in at most %d: %s", step.before, len(heads), err, n.Load(), step.want, step.atMost, step.because)
			}
		}
		if len(c.Heads()) != 61 {
			t.Errorf("%d heads are known", len(c.Heads()))
		}
	})
	t.Run("more than are linked at once", func(t *testing.T) {
		log := &publishing{memLog: newMemLog(t)}
		log.publish(t, "gateway/1", 4)
		c, _ := connect(t, serveLog(t, log, nil), log.public)
		if heads, err := c.Checkpoints(t.Context(), 0, 101); err != nil || len(heads) != 4 {
			t.Errorf("%d heads, %v", len(heads), err)
		}
	})
	t.Run("one is of another history", func(t *testing.T) {
		log := &publishing{memLog: newMemLog(t)}
		log.publish(t, "gateway/1", 9)
		forked := &publishing{memLog: log.fork(t, 3)}
		forked.publish(t, "gateway/2", 2)
		log.heads[4] = forked.heads[1] // of 5 entries
		c, _ := connect(t, serveLog(t, log, nil), log.public)
		_, err := c.Checkpoints(t.Context(), 0, 50)
		var alarm *client.Alarm
		if !errors.As(err, &alarm) || alarm.Fork == nil {
			t.Fatalf("got %v, want evidence of a fork", err)
		}
		if report, err := alarm.Fork.Check(c.Key()); err != nil || report.First.Size != 5 {
			t.Errorf("the evidence shows %v, %v", report, err)
		}
	})
	t.Run("a proof in the list doesn't hold", func(t *testing.T) {
		log := &publishing{memLog: newMemLog(t)}
		log.publish(t, "gateway/1", 9)
		log.spoil = func(from, to int64, hashes [][32]byte) {
			if from == 5 && to == 6 {
				hashes[0][0] ^= 1
			}
		}
		c, _ := connect(t, serveLog(t, log, nil), log.public)
		_, err := c.Checkpoints(t.Context(), 0, 50)
		var alarm *client.Alarm
		if !errors.As(err, &alarm) || alarm.Fork != nil || !strings.Contains(err.Error(), "of one history") {
			t.Errorf("got %v, want an alarm without evidence of a fork", err)
		}
	})
}

// TestLinkingIsWaitedFor: one proof is fetched at a time, and whoever waits for a log that hangs waits no longer than they want to.
func TestLinkingIsWaitedFor(t *testing.T) {
	log := newMemLog(t)
	log.fill(t, "gateway/1", 1)
	c, transport := connect(t, serveLog(t, log, nil), log.public)
	see(t, c)
	log.fill(t, "gateway/1", 1)
	hangs := make(chan struct{}, 2)
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/v1/consistency") {
			hangs <- struct{}{}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return send()
	})
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 2)
	go func() { _, err := c.Checkpoint(first); left <- err }()
	<-hangs
	second, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // enough to get the head
	defer cancel()
	go func() { _, err := c.Checkpoint(second); left <- err }()
	select {
	case err := <-left:
		if !errors.Is(err, context.DeadlineExceeded) || len(hangs) > 0 {
			t.Errorf("who waited got %v; %d proofs were asked for beside the first", err, len(hangs))
		}
	case <-time.After(30 * time.Second):
		t.Error("one waits behind another")
	}
	leave()
	<-left
}
