package client

// Queued is how many drafts wait, for tests that need to know.
func (s *Source) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queued)
}
