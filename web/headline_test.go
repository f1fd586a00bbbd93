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

// stuck never answers what it is asked for an overview and for the log's law, or for a head. It says when it is asked.
type stuck struct {
	Log
	headless bool
	asked    chan struct{}
}

func (s stuck) Checkpoints(ctx context.Context, before int64, limit int) ([]client.PublishedHead, error) {
	if s.headless {
		return nil, s.hang(ctx)
	}
	return s.Log.Checkpoints(ctx, before, limit)
}

func (s stuck) hang(ctx context.Context) error {
	s.asked <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func (s stuck) Summary(ctx context.Context, _ int) (*client.Summary, error) {
	return nil, s.hang(ctx)
}

func (s stuck) Entries(ctx context.Context, _ client.Query) (client.Page, error) {
	return client.Page{}, s.hang(ctx)
}

// TestWaitingEnds: while somebody waits for a log that hangs, others wait no longer than they want to, and don't ask as well. Then it is their turn.
func TestWaitingEnds(t *testing.T) {
	for name, ask := range map[string]func(*viewer, context.Context) error{
		"overview": func(v *viewer, ctx context.Context) error { _, err := v.glance.of(ctx, v, spans[0]); return err },
		"law":      func(v *viewer, ctx context.Context) error { _, err := v.law.state(ctx, v); return err },
		"head":     func(v *viewer, ctx context.Context) error { _, err := v.newest.get(ctx, v); return err },
	} {
		t.Run(name, func(t *testing.T) {
			v := newPaper(t, nil)
			log := stuck{v.log, name == "head", make(chan struct{}, 2)}
			v.log = log
			first, leave := context.WithCancel(t.Context())
			defer leave()
			left := make(chan error, 2)
			go func() { left <- ask(v, first) }()
			<-log.asked

			second, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			go func() { left <- ask(v, second) }()
			select {
			case err := <-left:
				if f := explain(err); !errors.Is(err, context.DeadlineExceeded) || f.title != "The log can’t be reached" {
					t.Errorf("who waited is told %v: %+v", err, f)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("a visitor waits behind another")
			}
			if len(log.asked) > 0 {
				t.Error("the log is asked twice at once")
			}
			leave()
			<-left
			third, cancel := context.WithCancel(t.Context())
			go func() { left <- ask(v, third) }()
			<-log.asked
			cancel()
			<-left
		})
	}
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
