package web

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/attestlog/attestlog/api/client"
)

// hung takes questions about heads, and never answers.
type hung struct{ Log }

func (hung) Checkpoints(ctx context.Context, _ int64, _ int) ([]client.PublishedHead, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestHungLog: pages wait for a log that hangs for a while, and those that waited meanwhile no longer.
func TestHungLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newPaper(t, func(c *Config, _ *paperLog) { c.Now = time.Now })
		v.log = hung{v.log}
		for _, want := range []time.Duration{headWithin, 0} {
			began := time.Now()
			_, err := v.newest.get(t.Context(), v)
			if took := time.Since(began); took != want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v, %v, want %v", took, err, want)
			}
		}
	})
}
