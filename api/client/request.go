package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// Bounds of answers, in bytes.
const (
	maxSmall = 1 << 20   // an entry, a proof, a source, a statement
	maxList  = 128 << 20 // a page of 1,000 entries
)

// request is one exchange with the log, which may take several tries.
type request struct {
	method string
	path   string // relative to the base, escaped
	query  url.Values
	accept string // application/json if empty
	body   []byte
	header http.Header // more headers; may be nil
	most   int64       // bytes of the answer
}

// answer is a success: status below 300.
type answer struct {
	status int
	body   []byte
}

// get fetches JSON.
func (c *Client) get(ctx context.Context, path string, query url.Values, most int64, into any) error {
	a, err := c.do(ctx, &request{method: http.MethodGet, path: path, query: query, most: most})
	if err != nil {
		return err
	}
	return decode(a.body, path, into)
}

func decode(body []byte, path string, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return alarm(err, "the answer to %s is not what the API says", path)
	}
	return nil
}

// do tries a request until it succeeds, is refused, or the tries are used up.
func (c *Client) do(ctx context.Context, r *request) (*answer, error) {
	for try := 0; ; try++ {
		a, err := c.once(ctx, r)
		if err == nil {
			return a, nil
		}
		wait, again := c.again(ctx, err, try)
		if !again {
			return nil, err
		}
		c.logger.LogAttrs(ctx, slog.LevelDebug, "trying again", slog.String("path", r.path), slog.Duration("in", wait), slog.Any("err", err))
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// again tells whether, and after which pause, a request that failed is tried again: exponential backoff with full jitter, but
// never sooner than the log asks.
func (c *Client) again(ctx context.Context, err error, try int) (time.Duration, bool) {
	var problem *Problem
	var broken *brokenError
	isProblem := errors.As(err, &problem)
	if ctx.Err() != nil || try >= c.retries || isProblem && !problem.temporary() || !isProblem && !errors.As(err, &broken) {
		return 0, false
	}
	ceiling := c.most
	if try < 20 {
		ceiling = min(c.most, c.pause<<try)
	}
	wait := rand.N(ceiling + 1)
	if isProblem {
		wait = max(wait, problem.RetryAfter)
	}
	return wait, true
}

// brokenError says that there was no whole answer: the request may have had its effect, or not.
type brokenError struct {
	path string
	err  error
}

func (b *brokenError) Error() string {
	return fmt.Sprintf("couldn't get an answer to %s: %v", b.path, b.err)
}

func (b *brokenError) Unwrap() error { return b.err }

// once tries a request once.
func (c *Client) once(ctx context.Context, r *request) (*answer, error) {
	response, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, r.most+1))
	if err != nil {
		return nil, &brokenError{r.path, err}
	}
	if int64(len(body)) > r.most {
		return nil, alarm(nil, "the answer to %s has more than %d bytes", r.path, r.most)
	}
	if response.StatusCode >= 300 {
		return nil, readProblem(response.StatusCode, response.Header, body)
	}
	return &answer{status: response.StatusCode, body: body}, nil
}

// send sends a request; the caller closes the body of the response.
func (c *Client) send(ctx context.Context, r *request) (*http.Response, error) {
	relative, err := url.Parse(r.path)
	if err != nil {
		return nil, fmt.Errorf("couldn't address %s: %w", r.path, err)
	}
	address := c.base.ResolveReference(relative)
	address.RawQuery = r.query.Encode()
	out, err := http.NewRequestWithContext(ctx, r.method, address.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("couldn't address %s: %w", r.path, err)
	}
	for name, values := range r.header {
		out.Header[name] = values
	}
	accept := r.accept
	if accept == "" {
		accept = "application/json"
	}
	out.Header.Set("Accept", accept+", application/problem+json;q=0.1")
	if r.method == http.MethodPost {
		out.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(out)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("couldn't get an answer to %s: %w", r.path, context.Cause(ctx))
		}
		return nil, &brokenError{r.path, err}
	}
	return response, nil
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
