// Package typed reads submissions that a person may have typed, or a program may have written that knows nothing of RFC 8785.
//
// It stands apart from the package event because a verifier never reads such bytes, and shouldn't have to link what does.
package typed

import (
	"fmt"

	"github.com/gowebpki/jcs"

	"github.com/attestlog/attestlog/ledger/event"
)

// Submission reads a submission in any JSON: white space and the order of members don't matter, but members that are unknown, repeated or
// missing do. The payload inside is not looked into.
func Submission(b []byte) (*event.Submission, error) {
	if s, err := event.DecodeSubmission(b); err == nil {
		return s, nil
	}
	ordered, err := jcs.Transform(b)
	if err != nil {
		return nil, fmt.Errorf("not a submission: it is not JSON as RFC 8785 wants it: %w", err)
	}
	return event.DecodeSubmission(ordered)
}
