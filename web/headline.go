package web

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/attestlog/attestlog/api/client"
)

// headLine is what every page says of the log as a whole.
type headLine struct {
	Known     bool // the log answered
	Size      int64
	Published int64 // milliseconds since 1970, the log's word
}

// newestHead keeps the newest published head for a moment, so that not every page asks for it.
type newestHead struct {
	asking *semaphore.Weighted // held while the log is asked; whoever waits for it can give up

	mu    sync.Mutex
	head  client.PublishedHead
	asked time.Time
	err   error
}

// headKept is how long it is kept: logs publish one a second.
const headKept = time.Second

// headWithin is how long a log may take to show its head: every page waits for it, among them those that are worth most when the log is silent.
const headWithin = 5 * time.Second

// get is the newest published head; its Note is empty where the log has published none yet.
func (n *newestHead) get(ctx context.Context, v *viewer) (client.PublishedHead, error) {
	if head, fresh, err := n.kept(v.now()); fresh {
		return head, err
	}
	if err := n.asking.Acquire(ctx, 1); err != nil {
		return client.PublishedHead{}, err
	}
	defer n.asking.Release(1)
	if head, fresh, err := n.kept(v.now()); fresh { // somebody else asked meanwhile
		return head, err
	}
	asking, cancel := context.WithTimeout(ctx, headWithin)
	defer cancel()
	heads, err := v.log.Checkpoints(asking, 0, 1)
	if ctx.Err() != nil {
		return client.PublishedHead{}, ctx.Err() // this request's end is no news of the log
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asked, n.err = v.now(), err; err == nil && len(heads) > 0 {
		n.head = heads[0]
	}
	return n.head, n.err
}

// kept is what came of asking last, if that wasn't long ago.
func (n *newestHead) kept(now time.Time) (head client.PublishedHead, fresh bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.head, !now.Before(n.asked) && now.Sub(n.asked) < headKept, n.err
}

// line is the newest head as every page shows it. An alarm of the viewer's own client is as good as a monitor's.
func (n *newestHead) line(ctx context.Context, v *viewer) (headLine, []Alarm) {
	head, err := n.get(ctx, v)
	if err == nil {
		return headLine{Known: len(head.Note) > 0, Size: head.Size, Published: head.Published}, nil
	}
	v.logger.LogAttrs(ctx, slog.LevelWarn, "couldn't get the newest head", slog.Any("error", err))
	var alarm *client.Alarm
	if errors.As(err, &alarm) {
		return headLine{}, []Alarm{{Monitor: thisViewer, What: alarm.What, Time: v.now().UnixMilli()}}
	}
	return headLine{}, nil
}
