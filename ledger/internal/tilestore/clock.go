package tilestore

import (
	"time"

	"github.com/google/trillian/util/clock"
)

// steadyClock is Trillian's clock.TimeSource over a clock that may step back: each reading is later than all before, by
// a nanosecond if need be. IntegrateBatch refuses to make a root that isn't younger than the last.
type steadyClock struct {
	now  func() time.Time
	last time.Time
}

// Now is later than every earlier result. Only the leader's goroutine calls it.
func (c *steadyClock) Now() time.Time {
	// Round strips the monotonic reading: what counts is what will be written down.
	now := c.now().Round(0)
	if !now.After(c.last) {
		now = c.last.Add(time.Nanosecond)
	}
	c.last = now
	return now
}

// NewTimer belongs to the interface; IntegrateBatch sets no timers.
func (c *steadyClock) NewTimer(d time.Duration) clock.Timer { return clock.System.NewTimer(d) }
