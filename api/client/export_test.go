package client

import "time"

// SetPatience changes how long a head is awaited that has an entry.
func (c *Client) SetPatience(d time.Duration) { c.patience = d }

// Queued is how many drafts wait, for tests that need to know.
func (s *Source) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queued)
}
