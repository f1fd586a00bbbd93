package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Webhook is whom alarms and matches are told: each is posted as JSON, {"type":"alarm","alarm":{…}} or
// {"type":"matches","log":…,"matches":[…]}, until it answers with a status from 200 to 299. What wasn't taken is tried again, and after a
// restart, too; so the same may come twice, and nothing is left out.
type Webhook struct {
	URL    string
	Client *http.Client
}

// message is what a webhook gets.
type message struct {
	Type    string            `json:"type"`
	Alarm   *Alarm            `json:"alarm,omitempty"`
	Log     string            `json:"log,omitempty"`
	Matches []json.RawMessage `json:"matches,omitempty"`
}

const (
	webhookTime     = 10 * time.Second
	webhookPause    = time.Second
	webhookMost     = 5 * time.Minute
	matchesAtOnce   = 100
	matchesReadSize = 64 << 10
)

func (w *Webhook) post(ctx context.Context, m message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("couldn't tell the webhook: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("couldn't tell the webhook: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := w.Client.Do(request)
	if err != nil {
		return fmt.Errorf("couldn't tell the webhook: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("couldn't tell the webhook: it answers %s", response.Status)
	}
	return nil
}

// deliver tells the webhook what it wasn't told yet, until ctx ends. An error means that the state can't be kept.
func (m *Monitor) deliver(ctx context.Context) error {
	pause := webhookPause
	for {
		err := m.deliverAll(ctx)
		var wait <-chan time.Time
		switch {
		case ctx.Err() != nil:
			return nil
		case m.broken() != nil:
			return m.broken()
		case err != nil:
			m.cfg.Logger.Warn("the webhook wasn't told", "err", err, "again in", pause)
			m.metrics.webhookFailures.Inc()
			wait, pause = time.After(pause), min(2*pause, webhookMost)
		default:
			pause = webhookPause
		}
		select {
		case <-wait:
		case <-m.news:
			if err != nil { // news don't make it ask sooner
				select {
				case <-wait:
				case <-ctx.Done():
				}
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *Monitor) deliverAll(ctx context.Context) error {
	for _, l := range m.logs {
		if err := l.deliverAlarms(ctx, m.cfg.Webhook); err != nil {
			return err
		}
		if err := l.deliverMatches(ctx, m.cfg.Webhook); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) deliverAlarms(ctx context.Context, w *Webhook) error {
	for {
		l.mu.Lock()
		var next *Alarm
		for i := range l.state.alarms {
			if a := l.state.alarms[i]; !l.state.delivered[a.ID] {
				next = &a
				break
			}
		}
		l.mu.Unlock()
		if next == nil {
			return nil
		}
		if err := w.post(ctx, message{Type: "alarm", Alarm: next}); err != nil {
			return err
		}
		if err := l.remember(&change{Delivered: []string{next.ID}}); err != nil {
			return err
		}
	}
}

// remember commits a change, if the state can still be written.
func (l *Log) remember(c *change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.broken(); err != nil {
		return err
	}
	return l.sane(l.commit(c))
}

func (l *Log) deliverMatches(ctx context.Context, w *Webhook) error {
	for {
		l.mu.Lock()
		from, to := l.state.told, l.state.matches
		l.mu.Unlock()
		if from >= to {
			return nil
		}
		b := make([]byte, min(to-from, matchesReadSize))
		if _, err := l.found.ReadAt(b, from); err != nil {
			return fmt.Errorf("couldn't read matches back: %w", err)
		}
		m := message{Type: "matches", Log: l.origin}
		told := from
		for line := range bytes.Lines(b) {
			if len(m.Matches) == matchesAtOnce || line[len(line)-1] != '\n' {
				break
			}
			m.Matches = append(m.Matches, json.RawMessage(line))
			told += int64(len(line))
		}
		if err := w.post(ctx, m); err != nil {
			return err
		}
		if err := l.remember(&change{Told: &told}); err != nil {
			return err
		}
	}
}
