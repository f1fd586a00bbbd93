// Package health asks a running server how it is, as container engines do.
package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ErrNoURL tells that an address is none.
var ErrNoURL = errors.New("not a URL")

// Ask asks the page of a server at a URL, such as readyz, and returns nil if it answers 200 within the timeout. The error says what it
// answers instead.
func Ask(ctx context.Context, url, page string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/"+page, nil)
	if err != nil {
		return fmt.Errorf("%q is %w", url, ErrNoURL)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("couldn't reach the server: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
